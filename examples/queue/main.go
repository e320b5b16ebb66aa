// Queue is a consumer of a job queue whose handler hangs on some jobs, because
// of a bug in a parser that takes no context. Left alone, each such job holds
// a slot of the consumer for ever, and after as many jobs as there are slots
// nothing moves any more. Here the job is cut off, its error says why, and the
// slot takes the next one.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync"
	"time"

	"github.com/cutoff-run/cutoff"
)

// A Job is what the queue delivers.
type Job struct {
	ID   int
	Text string
}

// countLines has the bug: where the last line lacks its line feed, IndexByte
// returns -1 and the text never gets shorter.
var countLines = cutoff.Register("count-lines", func(_ context.Context, text string) (int, error) {
	lines := 0
	for len(text) > 0 {
		text = text[strings.IndexByte(text, '\n')+1:]
		lines++
	}
	return lines, nil
})

// Consumer has the shape that queues ask for: a method that gets a job and a
// context, and returns an error if the job is to be tried again.
type Consumer struct {
	pool *cutoff.Pool
}

// Handle does one job.
func (c *Consumer) Handle(ctx context.Context, j Job) error {
	n, err := countLines.Call(ctx, c.pool, j.Text)
	if err != nil {
		return fmt.Errorf("job %d: %w", j.ID, err)
	}
	fmt.Printf("job %d: %d lines\n", j.ID, n)
	return nil
}

func main() {
	cutoff.Init()
	const slots = 2
	pool, err := cutoff.NewPool(cutoff.PoolOptions{
		Workers: slots,
		Spares:  1,
		Limits:  cutoff.Limits{Timeout: 500 * time.Millisecond},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	discarded := consume(&Consumer{pool}, slots)
	fmt.Printf("%d jobs discarded, %d slots as before\n", discarded, pool.Stats().Workers)
}

// consume stands for the queue. An error that matches DeadlineExceeded is no
// reason to try again: the same text would hang again.
func consume(c *Consumer, slots int) (discarded int) {
	jobs := make(chan Job)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range slots {
		workers.Go(func() {
			for j := range jobs {
				if err := c.Handle(context.Background(), j); errors.Is(err, context.DeadlineExceeded) {
					mu.Lock()
					discarded++
					mu.Unlock()
					fmt.Println("discarded:", err)
				}
			}
		})
	}
	for id, text := range []string{"a\nb\n", "poison", "a\n", "a\npoison", "poison", "a\nb\nc\n", "\n", "a\n\n"} {
		jobs <- Job{id, text}
	}
	close(jobs)
	workers.Wait()
	return discarded
}
