package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/cutoff-run/cutoff"
)

var (
	echo = cutoff.Register("bench.echo", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	spin = cutoff.Register("bench.spin", func(context.Context, int) (int, error) {
		for {
		}
	})
)

const (
	warmName      = "warm call, 64 bytes"
	overshootName = "deadline to error, busy worker"
)

// The sizes of one round.
const (
	warmCalls  = 5000
	freshCalls = 100
	cutoffs    = 20
)

// pools are the pools that the calls run on.
type pools struct {
	warmPool, bluntPool, spinPool, freshPool *cutoff.Pool
}

func openPools() (*pools, error) {
	p := &pools{}
	for _, o := range []struct {
		pool    **cutoff.Pool
		options cutoff.PoolOptions
	}{
		{&p.warmPool, cutoff.PoolOptions{Spares: 1}},
		{&p.bluntPool, cutoff.PoolOptions{Spares: 1, NoStack: true}},
		{&p.spinPool, cutoff.PoolOptions{Spin: 20 * time.Microsecond}},
		{&p.freshPool, cutoff.PoolOptions{Spares: 1, MaxCalls: 1}},
	} {
		o.options.Workers, o.options.Limits = 1, cutoff.Limits{Timeout: time.Minute}
		pool, err := cutoff.NewPool(o.options)
		if err != nil {
			p.close()
			return nil, err
		}
		*o.pool = pool
	}
	return p, nil
}

func (p *pools) close() {
	for _, pool := range []*cutoff.Pool{p.warmPool, p.bluntPool, p.spinPool, p.freshPool} {
		if pool != nil {
			pool.Kill()
		}
	}
}

// warm is the round trip of 64 bytes, one at a time, the median of each round:
// a call under a limit beside what the machine needs for the bare bytes.
func (p *pools) warm(f *floor, node *node) group {
	return group{name: warmName, subjects: append([]subject{
		f.subject("C, futex on a shared page", "futex", warmCalls),
		f.subject("C, two pipes", "pipe", warmCalls),
		goFloor("Go, futex on a shared page", false, warmCalls),
		goFloor("Go, looking at a shared page", true, warmCalls),
		{name: "Go, two pipes and cat", run: func(context.Context) (float64, error) { return pingPong(warmCalls) }},
		{name: "cutoff", run: func(ctx context.Context) (float64, error) { return medianCall(ctx, p.warmPool, 64, warmCalls) }},
		{name: "cutoff, Spin 20 µs", run: func(ctx context.Context) (float64, error) { return medianCall(ctx, p.spinPool, 64, warmCalls) }},
		pythonSubject("Python, multiprocessing.Pool", "64", "multiprocessing", warmCalls, ""),
		pythonSubject("Python, ProcessPoolExecutor", "64", "executor", warmCalls, ""),
		pythonSubject("Python, pebble", "64", "pebble", warmCalls, ""),
		pythonSubject("Python, billiard.Pool", "64", "billiard", warmCalls, ""),
	}, node.subjects("64", warmCalls)...)}
}

// medianCall is the median of n calls with size bytes, one after the other.
func medianCall(ctx context.Context, pool *cutoff.Pool, size, n int) (float64, error) {
	return medianCallAfter(ctx, func() {}, pool, size, n)
}

// medianCallAfter is the same, with something before each call that does not
// count.
func medianCallAfter(ctx context.Context, before func(), pool *cutoff.Pool, size, n int) (float64, error) {
	in := make([]byte, size)
	took := make([]float64, n)
	for i := range took {
		before()
		begun := time.Now()
		if _, err := echo.Call(ctx, pool, in); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun).Seconds()
	}
	return median(took), nil
}

// fresh is a new process for each call, one after the other.
func (p *pools) fresh() group {
	return group{name: "fresh process for each call", subjects: []subject{
		{name: "os/exec of this program", run: func(ctx context.Context) (float64, error) {
			return each(freshCalls, func() error { return exec.CommandContext(ctx, "/proc/self/exe", "-h").Run() })
		}},
		{name: "cutoff, MaxCalls 1", run: func(ctx context.Context) (float64, error) { return calls(ctx, p.freshPool, freshCalls) }},
		pythonSubject("Python, multiprocessing.Process", "process", "multiprocessing", freshCalls, ""),
	}}
}

// standby is a call that gets a fresh process, where a spare stands by.
func (p *pools) standby() group {
	return group{name: "call of a fresh process, a spare stands by", subjects: []subject{
		{name: "cutoff, MaxCalls 1", run: func(ctx context.Context) (float64, error) {
			return medianCallAfter(ctx, func() { awaitIdle(p.freshPool, 2) }, p.freshPool, 64, freshCalls)
		}},
	}}
}

// starts is how long it takes until a new process has something to say: a
// worker, that it takes calls.
func starts() group {
	return group{name: "start of a process", subjects: []subject{
		{name: "this program, bare", run: func(context.Context) (float64, error) {
			return medianStart(func() (end func(), err error) {
				v, err := startBare("idle")
				return func() { killAll([]victim{v}) }, err
			})
		}},
		{name: "cutoff, a worker", run: func(context.Context) (float64, error) {
			return medianStart(func() (end func(), err error) {
				up := make(chan struct{}, 1)
				pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 1, OnEvent: func(e cutoff.Event) {
					if e.Kind == cutoff.WorkerStarted {
						up <- struct{}{}
					}
				}})
				if err != nil {
					return nil, err
				}
				<-up
				return func() { pool.Kill() }, nil
			})
		}},
	}}
}

// medianStart is the median of many starts, one after the other.
func medianStart(start func() (end func(), err error)) (float64, error) {
	took := make([]float64, freshCalls)
	for i := range took {
		begun := time.Now()
		end, err := start()
		if err != nil {
			return 0, err
		}
		took[i] = time.Since(begun).Seconds()
		end()
	}
	return median(took), nil
}

// awaitIdle waits until so many workers have nothing to do.
func awaitIdle(pool *cutoff.Pool, n int) {
	for pool.Stats().Idle < n {
		time.Sleep(time.Millisecond)
	}
}

func calls(ctx context.Context, pool *cutoff.Pool, n int) (float64, error) {
	in := make([]byte, 64)
	return each(n, func() error {
		_, err := echo.Call(ctx, pool, in)
		return err
	})
}

// each returns the mean seconds of n times do.
func each(n int, do func() error) (float64, error) {
	begun := time.Now()
	for range n {
		if err := do(); err != nil {
			return 0, err
		}
	}
	return time.Since(begun).Seconds() / float64(n), nil
}

// overshoot is the time from the deadline of an endless call to the caller's
// error, beside a bare kill and wait. With us the process is gone then.
func (p *pools) overshoot(node *node) group {
	return group{name: overshootName, subjects: append([]subject{
		{name: "kill and wait of this program, busy", run: func(context.Context) (float64, error) {
			took, err := killBusy(cutoffs)
			return medianOf(took, err)
		}},
		{name: "cutoff, with the stack", run: func(ctx context.Context) (float64, error) {
			late, _, err := cutOff(ctx, p.warmPool, cutoffs)
			return medianOf(late, err)
		}},
		{name: "cutoff, NoStack", run: func(ctx context.Context) (float64, error) {
			late, _, err := cutOff(ctx, p.bluntPool, cutoffs)
			return medianOf(late, err)
		}},
		pythonSubject("Python, pebble", "cutoff", "pebble", cutoffs, ""),
	}, node.subjects("cutoff", cutoffs)...)}
}

func medianOf(s []float64, err error) (float64, error) {
	if err != nil {
		return 0, err
	}
	return median(s), nil
}

// next is the call that comes at once after one that was cut off, where a
// spare worker stands by.
func (p *pools) next() group {
	return group{name: "next call after a cutoff", subjects: []subject{
		{name: "cutoff, one spare", run: func(ctx context.Context) (float64, error) {
			_, next, err := cutOff(ctx, p.bluntPool, cutoffs)
			return medianOf(next, err)
		}},
	}}
}

// runLimit is the limit of a call that runs into it.
const runLimit = 20 * time.Millisecond

// cutOff lets n endless calls run into their limit. It returns by how much
// their errors came after the limit, and what the calls after them took.
func cutOff(ctx context.Context, pool *cutoff.Pool, n int) (late, next []float64, err error) {
	bounded := pool.With(cutoff.Limits{Timeout: runLimit})
	for range n {
		awaitIdle(pool, 2) // the spare too
		begun := time.Now()
		if _, err := spin.Call(ctx, bounded, 0); !errors.Is(err, cutoff.ErrTimeout) {
			return nil, nil, fmt.Errorf("not cut off: %w", err)
		}
		late = append(late, (time.Since(begun) - runLimit).Seconds())
		begun = time.Now()
		if _, err := echo.Call(ctx, pool, make([]byte, 64)); err != nil {
			return nil, nil, err
		}
		next = append(next, time.Since(begun).Seconds())
	}
	return late, next, nil
}

// pingPong sends 64 bytes to cat and back, n times, through Go's own files.
func pingPong(n int) (float64, error) {
	c := exec.Command("cat")
	in, err := c.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return 0, err
	}
	b := slices.Repeat([]byte{'x'}, 64)
	took := make([]float64, n)
	for i := range took {
		begun := time.Now()
		_, err := in.Write(b)
		if err == nil {
			_, err = io.ReadFull(out, b)
		}
		if err != nil {
			return 0, errors.Join(err, in.Close(), c.Wait())
		}
		took[i] = time.Since(begun).Seconds()
	}
	return median(took), errors.Join(in.Close(), c.Wait())
}
