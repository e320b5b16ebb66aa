package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/cutoff-run/cutoff"
)

// Many cutoffs whose deadlines pass at the same instant, beside what the kills
// alone take: the same number of equal processes, killed in a loop and reaped.

// functionsAtOnce takes a worker for each call. A thousand would be gigabytes
// and minutes of starting; a thousand commands are neither.
func functionsAtOnce(n int) group {
	return group{name: fmt.Sprintf("%d functions cut off at once", n), figures: lateness, most: 3, subjects: []subject{
		{name: "the kills alone, of this program", runAll: func(context.Context) ([]float64, error) {
			return latenessOrError(killAtOnce(n, func() (victim, error) { return startBare("idle") }))
		}},
		{name: "cutoff, with the stacks", runAll: func(ctx context.Context) ([]float64, error) {
			return latenessOrError(callsAtOnce(ctx, cutoff.PoolOptions{Workers: n}))
		}},
		{name: "cutoff, NoStack", runAll: func(ctx context.Context) ([]float64, error) {
			return latenessOrError(callsAtOnce(ctx, cutoff.PoolOptions{Workers: n, NoStack: true}))
		}},
	}}
}

func commandsAtOnce(n int) group {
	return group{name: fmt.Sprintf("%d commands cut off at once", n), figures: lateness, most: 3, subjects: []subject{
		{name: "the kills alone, of sleep", note: lacking(sleeper.Path), runAll: func(context.Context) ([]float64, error) {
			return latenessOrError(killAtOnce(n, func() (victim, error) {
				c := exec.Command(sleeper.Path, sleeper.Args...)
				return victim{Cmd: c}, c.Start()
			}))
		}},
		{name: "the same, in a cgroup each", note: lackingCgroups(), runAll: func(context.Context) ([]float64, error) {
			return latenessOrError(killInCgroups(n))
		}},
		{name: "cutoff", note: lacking(sleeper.Path), runAll: func(ctx context.Context) ([]float64, error) {
			return latenessOrError(sleepersAtOnce(ctx, n, sleeper))
		}},
		{name: "cutoff, NoStack", note: lacking(sleeper.Path), runAll: func(ctx context.Context) ([]float64, error) {
			c := sleeper
			c.NoStack = true
			return latenessOrError(sleepersAtOnce(ctx, n, c))
		}},
	}}
}

func latenessOrError(late []float64, err error) ([]float64, error) {
	if err != nil {
		return nil, err
	}
	return latenessOf(late), nil
}

// sleeper is a command that only waits. It ends by itself if nobody kills it.
var sleeper = cutoff.Command{Path: "sleep", Args: []string{strconv.Itoa(int(bareLife.Seconds()))}}

// killInCgroups is killAtOnce for sleepers, each with a cgroup by which it is killed
// and that is removed: what the strongest containment takes at least.
func killInCgroups(n int) ([]float64, error) {
	dir, err := cgroupsForBare()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(dir) }()
	i := 0
	return killAtOnce(n, func() (victim, error) {
		i++
		return startInCgroup(exec.Command(sleeper.Path, sleeper.Args...), dir, i)
	})
}

// lackingCgroups says why processes cannot be killed by cgroups, or "".
func lackingCgroups() string {
	dir, err := cgroupsForBare()
	if err != nil {
		return err.Error()
	}
	_ = os.Remove(dir)
	return lacking(sleeper.Path)
}

// lacking says why a program cannot be run, or "".
func lacking(exe string) string {
	if _, err := exec.LookPath(exe); err != nil {
		return exe + " is not installed"
	}
	return ""
}

// perStart is how much time there is for the start of each task before the
// first deadline passes. Where that is too little, four times as much is tried.
const perStart = 4 * time.Millisecond

var errTooSlow = errors.New("the machine is too busy: the first deadline passed before the last task had started")

// inTime has n tasks started before the first of them is due.
func inTime(n int, try func(due time.Time) ([]float64, error)) (late []float64, err error) {
	for _, more := range []int{1, 4} {
		late, err = try(time.Now().Add(time.Duration(n*more)*perStart + runLimit))
		if !errors.Is(err, errTooSlow) {
			break
		}
	}
	return late, err
}

// callsAtOnce has a call for each worker of the pool, which does nothing, be
// cut off at the same instant. It returns how long after its deadline each
// caller heard of it.
func callsAtOnce(ctx context.Context, o cutoff.PoolOptions) ([]float64, error) {
	pool, err := cutoff.NewPool(o)
	if err != nil {
		return nil, err
	}
	defer pool.Kill()
	if err := settled(ctx, pool, cutoff.Stats{Idle: o.Workers}); err != nil {
		return nil, err
	}
	return inTime(o.Workers, func(due time.Time) ([]float64, error) {
		return deadlines(ctx, o.Workers, func(ctx context.Context, _ int) (waited, error) {
			limit := time.Until(due)
			if limit <= 0 {
				return waited{}, errTooSlow
			}
			call, err := nap.Start(ctx, pool.With(cutoff.Limits{Timeout: limit}), hangs)
			if err != nil {
				return waited{}, err
			}
			return waited{func() (cutoff.Result, error) {
				_, err := call.Wait()
				return call.Result(), err
			}, limit}, nil
		})
	})
}

// sleepersAtOnce is the same with commands.
func sleepersAtOnce(ctx context.Context, n int, c cutoff.Command) ([]float64, error) {
	return inTime(n, func(due time.Time) ([]float64, error) {
		return deadlines(ctx, n, func(ctx context.Context, _ int) (waited, error) {
			return startSleeper(ctx, c, due)
		})
	})
}

// startSleeper starts the command, to be cut off when it is due.
func startSleeper(ctx context.Context, c cutoff.Command, due time.Time) (waited, error) {
	c.Limits.Timeout = time.Until(due)
	if c.Limits.Timeout <= 0 {
		return waited{}, errTooSlow
	}
	p, err := c.Start(ctx)
	if err != nil {
		return waited{}, err
	}
	return waited{p.Wait, c.Limits.Timeout}, nil
}

// waited is a task that has started: how to wait for its end, and its limit.
type waited struct {
	wait  func() (cutoff.Result, error)
	limit time.Duration
}

// late waits for the cutoff and returns by how much it was heard of after the
// deadline, which counts from the task's own start, in seconds.
func (w waited) late() (float64, error) {
	r, err := w.wait()
	late := time.Since(r.Started.Add(w.limit))
	if r.Outcome != cutoff.Timeout {
		return 0, fmt.Errorf("not cut off, but %s: %w", r.Outcome, err)
	}
	return late.Seconds(), nil
}

// deadlines starts n tasks, one after the other, and waits for them in a
// goroutine each, as their callers do. It returns how late each was.
func deadlines(ctx context.Context, n int, start func(ctx context.Context, i int) (waited, error)) ([]float64, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type ending struct {
		late float64
		err  error
	}
	var failure error
	endings, started := make(chan ending, n), 0
	for started < n {
		task, err := start(ctx, started)
		if err != nil {
			failure = err
			stop()
			break
		}
		started++
		go func() {
			late, err := task.late()
			endings <- ending{late, err}
		}()
	}
	late := make([]float64, started)
	for i := range late {
		e := <-endings
		late[i] = e.late
		if failure == nil {
			failure = e.err
		}
	}
	return late, failure
}

// settled returns when the pool has at least so many idle and busy workers.
func settled(ctx context.Context, pool *cutoff.Pool, want cutoff.Stats) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for {
		if s := pool.Stats(); s.Idle >= want.Idle && s.Busy >= want.Busy {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		time.Sleep(100 * time.Microsecond)
	}
}
