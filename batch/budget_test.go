package batch_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// At the end of the budget what runs is stopped, and nothing further starts:
// no task of the input, and none that waits to run again.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, path := newJournal(t)
		var deadlines []time.Duration
		begin := time.Now()
		r := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
			deadlines = append(deadlines, a.Deadline.Sub(begin))
			return sleeper(ctx, a)
		})
		sum, err := batch.Run(t.Context(), r, list("9s", "1s", "20s", "1h"), batch.Options{
			Slots: 1, Journal: w, Finite: true, Budget: 10 * time.Second,
			Limits: cutoff.Limits{Timeout: 5 * time.Second},
			Retry:  batch.Retry{Max: 1, On: []cutoff.Outcome{cutoff.Timeout}, Backoff: func(int) time.Duration { return time.Minute }},
		})
		if !errors.Is(err, batch.ErrBudget) || sum.Wall != 10*time.Second {
			t.Errorf("%v after %v", err, sum.Wall)
		}
		if o := sum.Outcomes; sum.Tasks != 4 || o[cutoff.Timeout] != 1 || o[cutoff.OK] != 1 || o[cutoff.Canceled] != 1 || o[cutoff.NotStarted] != 1 || sum.Unretried != 1 {
			t.Errorf("summary %+v", sum)
		}
		if want := "[5s 10s 10s]"; fmt.Sprint(deadlines) != want {
			t.Errorf("deadlines of the attempts: %v, want %v", deadlines, want)
		}
		_, ended := records(t, path)
		for _, e := range ended {
			if e.Outcome == cutoff.NotStarted && !strings.Contains(e.Error, "the budget is used up (10s)") {
				t.Errorf("record %+v", e)
			}
		}
	})
}

// A budget that is not used up leaves no trace.
func TestBudgetLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sum, err := batch.Run(t.Context(), sleeper, list("9s", "1s"), batch.Options{Slots: 1, Budget: time.Hour})
		if err != nil || sum.Wall != 10*time.Second || sum.Outcomes[cutoff.OK] != 2 {
			t.Errorf("%+v, %v", sum, err)
		}
	})
}

func TestLatest(t *testing.T) {
	const s = time.Second
	own := func(timeouts ...time.Duration) iter.Seq2[batch.Task, error] {
		return func(yield func(batch.Task, error) bool) {
			for _, d := range timeouts {
				if !yield(batch.Task{Argv: []string{"x"}, Limits: cutoff.Limits{Timeout: d}}, nil) {
					return
				}
			}
		}
	}
	bad := func(yield func(batch.Task, error) bool) { yield(batch.Task{}, errors.New("bad line")) }
	second := cutoff.Limits{Timeout: s}
	on := []cutoff.Outcome{cutoff.Timeout}
	for name, c := range map[string]struct {
		tasks iter.Seq2[batch.Task, error]
		opts  batch.Options
		want  time.Duration // 0: no promise
	}{
		"equal":           {count(5), batch.Options{Slots: 2, Limits: second}, 3 * s},
		"grace":           {count(5), batch.Options{Slots: 2, Limits: cutoff.Limits{Timeout: s, Grace: s}}, 6 * s},
		"own":             {own(s, s, s, 7*s), batch.Options{Slots: 2}, 8500 * time.Millisecond},
		"one without":     {own(s, 0), batch.Options{Slots: 2}, 0},
		"unknown number":  {nil, batch.Options{Slots: 2, Limits: second}, 0},
		"bad input":       {bad, batch.Options{Slots: 2, Limits: second}, 0},
		"budget":          {nil, batch.Options{Slots: 2, Budget: 9 * s, Limits: cutoff.Limits{Grace: s}}, 10 * s},
		"budget is more":  {count(5), batch.Options{Slots: 2, Limits: second, Budget: time.Hour}, 3 * s},
		"passes":          {count(4), batch.Options{Slots: 2, Limits: second, Passes: []time.Duration{2 * s, 4 * s}}, 14 * s},
		"retries":         {count(1), batch.Options{Limits: second, Retry: batch.Retry{Max: 2}}, 3 * s},
		"growing":         {count(1), batch.Options{Limits: second, Retry: batch.Retry{Max: 2, On: on, Scale: 2}}, 7 * s},
		"growing for all": {count(1), batch.Options{Limits: second, Retry: batch.Retry{Max: 1 << 30, On: on, Scale: 2}}, 1<<63 - 1},
		"backoff": {
			count(1), batch.Options{Limits: second, Retry: batch.Retry{Max: 1, Backoff: func(int) time.Duration { return 0 }}}, 0,
		},
	} {
		got, ok := batch.Latest(c.tasks, c.opts)
		if ok != (c.want > 0) || ok && got != c.want {
			t.Errorf("%s: %v, %v, want %v", name, got, ok, c.want)
		}
	}
}

// No batch ends later than Latest says, whatever its tasks do.
func TestLatestHolds(t *testing.T) {
	outcomes := []cutoff.Outcome{cutoff.OK, cutoff.Failed, cutoff.Timeout}
	r := runnerFunc(func(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
		o, took := outcomes[rand.IntN(3)], a.Limits.Timeout
		if o != cutoff.Timeout {
			took = time.Duration(rand.Int64N(int64(took + 1)))
		}
		time.Sleep(took)
		return ends(o, took)
	})
	synctest.Test(t, func(t *testing.T) {
		for range 300 {
			opts := batch.Options{
				Slots: 1 + rand.IntN(5), Limits: cutoff.Limits{Timeout: time.Second},
				Retry: batch.Retry{Max: rand.IntN(3), On: outcomes[1:], Scale: float64(rand.IntN(3))},
			}
			if opts.Retry.Scale == 0 {
				opts.Passes = []time.Duration{3 * time.Second}
			}
			tasks := make([]batch.Task, rand.IntN(20))
			for i := range tasks {
				tasks[i] = batch.Task{Argv: []string{"x"}, Limits: cutoff.Limits{Timeout: time.Duration(rand.IntN(2)*rand.IntN(9)) * time.Second}}
			}
			input := func(yield func(batch.Task, error) bool) {
				for _, task := range tasks {
					if !yield(task, nil) {
						return
					}
				}
			}
			latest, ok := batch.Latest(input, opts)
			sum, err := batch.Run(t.Context(), r, input, opts)
			if !ok || err != nil || sum.Wall > latest {
				t.Fatalf("%d tasks took %v, the latest end was %v (%v, %v): %+v", len(tasks), sum.Wall, latest, ok, err, opts)
			}
		}
	})
}
