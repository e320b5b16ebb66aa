package batch_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// startTimes runs a batch and returns when its attempts started.
func startTimes(t *testing.T, ids []string, opts batch.Options) (at []time.Duration, sum batch.Summary) {
	t.Helper()
	begin := time.Now()
	opts.OnEvent = func(e batch.Event) {
		if e.Kind == batch.Started {
			at = append(at, time.Since(begin))
		}
	}
	sum, err := batch.Run(t.Context(), sleeper, list(ids...), opts)
	if err != nil {
		t.Error(err)
	}
	return at, sum
}

const s = time.Second

// Between two starts there is the delay, also before a retry.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, sum := startTimes(t, []string{"1s", "1s", "9s", "1s"}, batch.Options{
			Slots: 2, Delay: 3 * s, Limits: cutoff.Limits{Timeout: 2 * s}, Retry: batch.Retry{Max: 1, On: []cutoff.Outcome{cutoff.Timeout}},
		})
		if want := []time.Duration{0, 3 * s, 6 * s, 9 * s, 12 * s}; !slices.Equal(at, want) {
			t.Errorf("starts at %v, want %v", at, want)
		}
		latest, ok := batch.Latest(list("", "", "", ""), batch.Options{Slots: 2, Delay: 3 * s, Limits: cutoff.Limits{Timeout: 2 * s}})
		if !ok || sum.Wall > 2*latest || latest != 16*s {
			t.Errorf("took %v, latest %v, %v", sum.Wall, latest, ok)
		}
	})
}

// The number of slots changes while the batch runs, up and down again.
func TestResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resize := make(chan int)
		go func() {
			time.Sleep(15 * s)
			resize <- 3
			time.Sleep(7 * s)
			resize <- 1
			close(resize)
		}()
		var running, most atomic.Int64
		var slots []int
		r := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			return sleeper(ctx, a)
		})
		var at []time.Duration
		begin := time.Now()
		_, err := batch.Run(t.Context(), r, list("10s", "10s", "9s", "8s", "8s", "1s", "1s"), batch.Options{
			Slots: 1, Resize: resize,
			OnEvent: func(e batch.Event) {
				if e.Kind == batch.Started {
					at = append(at, time.Since(begin))
					slots = append(slots, e.Attempt.Slot)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 10 * s, 15 * s, 15 * s, 20 * s, 28 * s, 29 * s}
		if !slices.Equal(at, want) || most.Load() != 3 || !slices.Equal(slots, []int{1, 1, 2, 3, 1, 1, 1}) {
			t.Errorf("starts at %v, want %v; at most %d ran; slots %v", at, want, most.Load(), slots)
		}
	})
}

// With no slot left those that run end, and nothing starts.
func TestResizeToNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resize := make(chan int, 1)
		resize <- 0
		time.AfterFunc(time.Hour, func() { resize <- 2 })
		at, sum := startTimes(t, []string{"1s", "1s"}, batch.Options{Slots: 1, Resize: resize})
		if len(at) != 2 || at[1] != time.Hour || sum.Outcomes[cutoff.OK] != 2 {
			t.Errorf("starts at %v: %+v", at, sum)
		}
	})
}

// What Hold says holds up every start, also of what came late.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		asked := 0
		hold := func() time.Duration {
			asked++
			if time.Since(begin) < 10*s {
				return 4 * s
			}
			return 0
		}
		at, sum := startTimes(t, []string{"1s", "1s"}, batch.Options{Slots: 1, Hold: hold})
		if want := []time.Duration{12 * s, 13 * s}; !slices.Equal(at, want) || asked > 20 || sum.Outcomes[cutoff.OK] != 2 {
			t.Errorf("starts at %v, want %v; asked %d times", at, want, asked)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var held atomic.Bool
		input := make(chan string)
		go func() {
			held.Store(true)
			input <- "1s"
			time.Sleep(time.Hour)
			held.Store(false)
			close(input)
		}()
		var at time.Duration
		begin := time.Now()
		_, err := batch.Run(t.Context(), sleeper, func(yield func(batch.Task, error) bool) {
			for id := range input {
				if !yield(batch.Task{ID: id, Argv: []string{id}}, nil) {
					return
				}
			}
		}, batch.Options{
			Slots: 1,
			Hold: func() time.Duration {
				if held.Load() {
					return time.Minute
				}
				return 0
			},
			OnEvent: func(e batch.Event) {
				if e.Kind == batch.Started {
					at = time.Since(begin)
				}
			},
		})
		if err != nil || at < time.Hour || at > time.Hour+time.Minute {
			t.Errorf("started after %v, %v", at, err)
		}
	})
}
