package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff"
)

var (
	add = cutoff.Register("bench.add", func(_ context.Context, n int) (int, error) { return n + 1, nil })
	nap = cutoff.Register("bench.nap", func(_ context.Context, d time.Duration) (time.Duration, error) {
		time.Sleep(d)
		return d, nil
	})
)

const (
	tinyName  = "tiny call, two workers, per call"
	tinyCalls = 20_000
)

// tiny is the throughput of calls that do nothing, on two workers: seconds for
// each.
func tiny(node *node) group {
	return group{name: tinyName, subjects: append([]subject{
		pythonSubject("Python, multiprocessing.Pool.imap_unordered", "tiny", "multiprocessing", tinyCalls, ""),
		{name: "cutoff, Map, each with its own limit", run: func(ctx context.Context) (float64, error) { return perTiny(ctx, 0) }},
		{name: "cutoff, Map, Spin 20 µs", run: func(ctx context.Context) (float64, error) { return perTiny(ctx, 20*time.Microsecond) }},
		pythonSubject("Python, Pool.imap_unordered in chunks of 100", "tiny", "multiprocessing chunks", 10*tinyCalls, ""),
		pythonSubject("Python, ProcessPoolExecutor.map in chunks of 100", "tiny", "executor chunks", 10*tinyCalls, ""),
		pythonSubject("Python, pebble.map in chunks of 100, a limit for each chunk", "tiny", "pebble", 10*tinyCalls, ""),
	}, node.subjects("tiny", tinyCalls)...)}
}

func perTiny(ctx context.Context, spin time.Duration) (float64, error) {
	const n = 10 * tinyCalls
	took, err := mapTiny(ctx, spin, n)
	return took.Seconds() / n, err
}

// mapTiny makes n calls.
func mapTiny(ctx context.Context, spin time.Duration, n int) (time.Duration, error) {
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 2, Spin: spin, Limits: cutoff.Limits{Timeout: time.Minute}})
	if err != nil {
		return 0, err
	}
	defer pool.Kill()
	begun, sum := time.Now(), 0
	for it := range add.Map(ctx, pool, upTo(n)) {
		if it.Err != nil {
			return 0, it.Err
		}
		sum += it.Out
	}
	if sum != n*(n+1)/2 {
		return 0, errors.New("results are missing")
	}
	return time.Since(begun), nil
}

func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// The mixed batch: a tenth of the tasks hang, the rest take 5 to 50 ms.
const (
	mixedTasks   = 200
	mixedWorkers = 4
	mixedLimit   = 250 * time.Millisecond
	hangs        = time.Hour
)

func mixedNaps() []time.Duration {
	naps := make([]time.Duration, mixedTasks)
	for i := range naps {
		naps[i] = time.Duration(5+i*37%46) * time.Millisecond
		if i%10 == 3 {
			naps[i] = hangs
		}
	}
	return naps
}

func mixed() group {
	naps := mixedNaps()
	var in strings.Builder
	fmt.Fprintln(&in, mixedLimit.Seconds())
	for _, d := range naps {
		fmt.Fprintln(&in, d.Seconds())
	}
	return group{name: "200 tasks, 20 hang, 4 workers, limit 250 ms", subjects: []subject{
		{name: "the ideal schedule", run: func(context.Context) (float64, error) { return ideal(naps).Seconds(), nil }},
		{name: "cutoff, Map", run: func(ctx context.Context) (float64, error) { return mapMixed(ctx, naps) }},
		pythonSubject("Python, pebble", "mixed", "pebble", 0, in.String()),
	}}
}

// ideal is how long the batch takes if nothing but the tasks and the limit
// takes time: each goes to the worker that is free first.
func ideal(naps []time.Duration) time.Duration {
	var free [mixedWorkers]time.Duration
	for _, d := range naps {
		slices.Sort(free[:])
		free[0] += min(d, mixedLimit)
	}
	return slices.Max(free[:])
}

// mapMixed runs the batch and checks every outcome.
func mapMixed(ctx context.Context, naps []time.Duration) (float64, error) {
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: mixedWorkers, Spares: 2, Limits: cutoff.Limits{Timeout: mixedLimit}})
	if err != nil {
		return 0, err
	}
	defer pool.Kill()
	awaitIdle(pool, mixedWorkers+2)
	begun, n := time.Now(), 0
	for it := range nap.Map(ctx, pool, slices.Values(naps)) {
		n++
		if errors.Is(it.Err, cutoff.ErrTimeout) != (it.In == hangs) || it.Err == nil && it.Out != it.In {
			return 0, fmt.Errorf("task %d of %v: %v, %w", it.Index, it.In, it.Out, it.Err)
		}
	}
	if n != len(naps) {
		return 0, fmt.Errorf("%d of %d tasks came back", n, len(naps))
	}
	return time.Since(begun).Seconds(), nil
}

// payload is an echo of size bytes, one at a time, the median.
func (p *pools) payload(size, n int, text string) group {
	return group{name: "echo of " + text, subjects: []subject{
		{name: "cutoff", run: func(ctx context.Context) (float64, error) { return medianCall(ctx, p.warmPool, size, n) }},
		pythonSubject("Python, multiprocessing.Pool", strconv.Itoa(size), "multiprocessing", n, ""),
		pythonSubject("Python, ProcessPoolExecutor", strconv.Itoa(size), "executor", n, ""),
		pythonSubject("Python, pebble", strconv.Itoa(size), "pebble", n, ""),
	}}
}
