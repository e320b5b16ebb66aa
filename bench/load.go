package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cutoff-run/cutoff"
)

const (
	// spinners is how many workers spin while the last of them is cut off.
	spinners = 8
	// loadedCutoffs is how many cutoffs there are in a round.
	loadedCutoffs = 100
	// loadBound ends the load if nobody else does.
	loadBound = 5 * time.Minute
)

// loaded is the time from deadline to error on a machine that has much more to
// do than it can: of eight workers that spin, one is cut off again and again.
func loaded() group {
	name := fmt.Sprintf("deadline to error, one of %d that spin", spinners)
	return group{name: name, figures: lateness, most: 3, subjects: []subject{
		{name: "kill and wait of this program, busy", runAll: func(ctx context.Context) ([]float64, error) {
			return underLoad(ctx, cutoff.PoolOptions{}, func(*cutoff.Pool) ([]float64, error) { return killBusy(loadedCutoffs) })
		}},
		{name: "cutoff, with the stack", runAll: func(ctx context.Context) ([]float64, error) {
			return cutOffLoaded(ctx, cutoff.PoolOptions{})
		}},
		{name: "cutoff, NoStack", runAll: func(ctx context.Context) ([]float64, error) {
			return cutOffLoaded(ctx, cutoff.PoolOptions{NoStack: true})
		}},
	}}
}

func cutOffLoaded(ctx context.Context, o cutoff.PoolOptions) ([]float64, error) {
	return underLoad(ctx, o, func(pool *cutoff.Pool) ([]float64, error) {
		late, _, err := cutOff(ctx, pool, loadedCutoffs)
		return late, err
	})
}

// underLoad measures while all workers of a pool but one spin.
func underLoad(ctx context.Context, o cutoff.PoolOptions, measure func(*cutoff.Pool) ([]float64, error)) ([]float64, error) {
	o.Workers, o.Spares = spinners, 1
	pool, err := cutoff.NewPool(o)
	if err != nil {
		return nil, err
	}
	defer pool.Kill()
	for range spinners - 1 {
		if _, err := spin.Start(ctx, pool.With(cutoff.Limits{Timeout: loadBound}), 0); err != nil {
			return nil, err
		}
	}
	if err := settled(ctx, pool, cutoff.Stats{Busy: spinners - 1}); err != nil {
		return nil, err
	}
	return latenessOrError(measure(pool))
}
