package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"
)

const (
	// manyCommands is how many commands wait at once, where there is room.
	manyCommands = 10_000
	// perCutoff is the time between two of their deadlines: they are to show
	// how late we are, not how many processes the kernel can end at once.
	perCutoff = 2 * time.Millisecond
)

// waiting is how many commands that do nothing can wait for their deadlines at
// once, and what they cost us meanwhile.
func waiting() group {
	n := min(manyCommands, roomForCommands())
	note := noProc
	if note == "" {
		note = lacking(sleeper.Path)
	}
	return group{
		name: fmt.Sprintf("%d commands wait at once, deadlines over %v", n, time.Duration(n)*perCutoff),
		figures: append(lateness[:len(lateness):len(lateness)],
			figure{"memory of ours for each", kib}, figure{"threads of ours", count}, figure{"goroutines", count}),
		most: 1,
		subjects: []subject{{name: "cutoff", note: note, runAll: func(ctx context.Context) ([]float64, error) {
			return runPart(ctx, "waiting", n)
		}}},
	}
}

// waitTogether is the part "waiting": n commands, started one after the other,
// all of which run when the first deadline passes. What they cost is looked at
// then. Their output goes to a file: a pipe for each would double what there
// is of descriptors, which are what there is least of. One goroutine waits for
// all, in the order of their deadlines, so that what is counted is ours: one that
// is late makes those behind it look so.
func waitTogether(ctx context.Context, n int) ([]float64, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	c := sleeper
	c.Stdout, c.Stderr = null, null
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var costs []float64
	late, err := inTime(n, func(first time.Time) ([]float64, error) {
		var tasks []waited
		for i := range n {
			if time.Until(first) <= 0 {
				return nil, errTooSlow
			}
			task, err := startSleeper(ctx, c, first.Add(time.Duration(i)*perCutoff))
			if err != nil {
				return nil, err
			}
			tasks = append(tasks, task)
		}
		var err error
		if costs, err = costsOfEach(n); err != nil {
			return nil, err
		}
		late := make([]float64, n)
		for i, t := range tasks {
			if late[i], err = t.late(); err != nil {
				return nil, err
			}
		}
		return late, nil
	})
	if err != nil {
		return nil, err
	}
	return append(latenessOf(late), costs...), nil
}

func costsOfEach(n int) ([]float64, error) {
	rss, err := procStatus(os.Getpid(), "VmRSS")
	if err != nil {
		return nil, err
	}
	threads, err := procStatus(os.Getpid(), "Threads")
	return []float64{rss / float64(n), threads, float64(runtime.NumGoroutine())}, err
}
