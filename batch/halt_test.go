package batch_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

func TestHalt(t *testing.T) {
	fail, timeout := []cutoff.Outcome{cutoff.Failed}, []cutoff.Outcome{cutoff.Timeout}
	for name, c := range map[string]struct {
		ids  string
		halt []batch.Halt
		ends int // how many tasks end by themselves
		why  string
	}{
		"count":          {"ok failed ok failed ok ok", []batch.Halt{{Outcomes: fail, Count: 2}}, 4, "2 of 4 tasks ended as failed"},
		"not reached":    {"ok failed ok", []batch.Halt{{Outcomes: fail, Count: 2}}, 3, ""},
		"other outcome":  {"failed failed failed", []batch.Halt{{Outcomes: timeout, Count: 1}}, 3, ""},
		"share":          {"ok ok ok timeout timeout timeout ok ok", []batch.Halt{{Outcomes: timeout, Percent: 50}}, 6, "50 % of 6 tasks ended as timeout"},
		"share of few":   {"timeout timeout ok ok ok", []batch.Halt{{Outcomes: timeout, Percent: 10}}, 5, ""},
		"second rule":    {"failed timeout ok", []batch.Halt{{Outcomes: fail, Count: 2}, {Outcomes: timeout, Count: 1}}, 2, "1 of 2 tasks ended as timeout"},
		"several":        {"failed timeout ok", []batch.Halt{{Outcomes: append(timeout, fail...), Count: 2}}, 2, "2 of 2 tasks ended as timeout or failed"},
		"at the end":     {"ok failed", []batch.Halt{{Outcomes: fail, Count: 1}}, 2, "1 of 2"},
		"what ran again": {"failed,ok failed,ok failed", []batch.Halt{{Outcomes: fail, Count: 1}}, 3, "1 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			ids := strings.Fields(c.ids)
			sum, err := batch.Run(t.Context(), new(script), list(ids...), batch.Options{Slots: 1, Finite: true, Halt: c.halt, Retry: batch.Retry{Max: 1}})
			if (c.why != "") != errors.Is(err, batch.ErrHalted) || c.why != "" && !strings.Contains(err.Error(), c.why) {
				t.Errorf("%v, want %q", err, c.why)
			}
			if n := sum.Tasks - sum.Outcomes[cutoff.NotStarted]; sum.Tasks != int64(len(ids)) || n != int64(c.ends) {
				t.Errorf("%d tasks ended, want %d: %+v", n, c.ends, sum)
			}
		})
	}
}

// Soon waits for what runs, now stops it.
func TestHaltWhen(t *testing.T) {
	for _, now := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			sum, err := batch.Run(t.Context(), sleeper, list("1h", "2s", "1s"), batch.Options{
				Slots: 2, Finite: true, Limits: cutoff.Limits{Timeout: 10 * time.Hour},
				Halt: []batch.Halt{{Outcomes: []cutoff.Outcome{cutoff.OK}, Count: 1, Now: now}},
			})
			long, took := cutoff.OK, time.Hour
			if now {
				long, took = cutoff.Canceled, 2*time.Second
			}
			if !errors.Is(err, batch.ErrHalted) || sum.Wall != took || sum.Outcomes[long] < 1 || sum.Outcomes[cutoff.NotStarted] != 1 {
				t.Errorf("now %v: %+v, %v", now, sum, err)
			}
		})
	}
}

func TestHaltRefuses(t *testing.T) {
	fail := []cutoff.Outcome{cutoff.Failed}
	for name, h := range map[string]batch.Halt{
		"nothing":     {},
		"no number":   {Outcomes: fail},
		"both":        {Outcomes: fail, Count: 1, Percent: 1},
		"no outcome":  {Count: 1},
		"negative":    {Outcomes: fail, Count: -1},
		"above 100 %": {Outcomes: fail, Percent: 101},
		"no share":    {Outcomes: fail, Percent: math.NaN()},
	} {
		if _, err := batch.Run(t.Context(), named, list("ok"), batch.Options{Halt: []batch.Halt{h}}); err == nil || errors.Is(err, batch.ErrHalted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The first error of Stop lets nothing start, the second stops what runs.
func TestStop(t *testing.T) {
	for _, errs := range [][]error{{errors.New("first")}, {errors.New("first"), errors.New("second")}} {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan error)
			go func() {
				for _, err := range errs {
					time.Sleep(time.Minute)
					stop <- err
				}
			}()
			var stopping []batch.Event
			sum, err := batch.Run(context.Background(), sleeper, list("1h", "2h", "1s"), batch.Options{
				Slots: 2, Finite: true, Stop: stop,
				OnEvent: func(e batch.Event) {
					if e.Kind == batch.Stopping {
						stopping = append(stopping, e)
					}
				},
			})
			o, took := cutoff.OK, 2*time.Hour
			if len(errs) == 2 {
				o, took = cutoff.Canceled, 2*time.Minute
			}
			if err != errs[0] || sum.Wall != took || sum.Outcomes[o] != 2 || sum.Outcomes[cutoff.NotStarted] != 1 {
				t.Errorf("%d errors: %+v, %v", len(errs), sum, err)
			}
			if len(stopping) != 1 || stopping[0].Running != 2 || stopping[0].Now {
				t.Errorf("%d errors: events %+v", len(errs), stopping)
			}
		})
	}
}
