// Quickstart is the loop that cutoff began with: some work takes too long, is
// stopped for real, and the loop goes on. It counts in tenths of a second.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"github.com/cutoff-run/cutoff"
)

var doStuff = cutoff.Register("do_stuff", func(_ context.Context, n int) (string, error) {
	time.Sleep(time.Duration(n) * 100 * time.Millisecond) // ignores its context
	return fmt.Sprintf("slept for %d", n), nil
})

func main() {
	cutoff.Init() // a worker process stays in here
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Limits: cutoff.Limits{Timeout: 501 * time.Millisecond}})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	for range 5 {
		n := 1 + rand.IntN(10)
		fmt.Printf("duration = %d: ", n)
		switch out, err := doStuff.Call(context.Background(), pool, n); {
		case errors.Is(err, cutoff.ErrTimeout):
			fmt.Println("took too long")
		case err != nil:
			fmt.Println("failed:", err)
		default:
			fmt.Println(out)
		}
	}
}
