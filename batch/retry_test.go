package batch_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// script ends each attempt of a task as the ID says, one word for each:
// "failed,timeout,ok". It writes down what it was given.
type script struct {
	mu  sync.Mutex
	ran []string
}

func (s *script) Run(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
	words := strings.Split(a.Task.ID, ",")
	o := words[min(a.Number, len(words))-1]
	s.mu.Lock()
	s.ran = append(s.ran, fmt.Sprintf("%s #%d %v %d", a.Task.ID, a.Number, a.Limits.Timeout, a.Limits.Memory))
	s.mu.Unlock()
	fmt.Fprintf(a.Stdout, "%s #%d\n", a.Task.ID, a.Number)
	return ends(cutoff.Outcome(o), time.Second)
}

// Which tasks run again, how often, under which limits; and what is shown and
// recorded of it.
func TestRetry(t *testing.T) {
	const everything = "failed,failed,failed"
	for name, c := range map[string]struct {
		id    string
		retry batch.Retry
		ran   []string
	}{
		"ok":        {"ok", batch.Retry{Max: 2}, []string{"ok #1 1s 100"}},
		"no retry":  {everything, batch.Retry{}, []string{everything + " #1 1s 100"}},
		"until ok":  {"failed,ok", batch.Retry{Max: 9}, []string{"failed,ok #1 1s 100", "failed,ok #2 1s 100"}},
		"to Max":    {everything, batch.Retry{Max: 1}, []string{everything + " #1 1s 100", everything + " #2 1s 100"}},
		"not on":    {"timeout", batch.Retry{Max: 2}, []string{"timeout #1 1s 100"}},
		"canceled":  {"canceled", batch.Retry{Max: 2}, []string{"canceled #1 1s 100"}},
		"unlimited": {"crashed,ok", batch.Retry{Max: math.MaxInt}, []string{"crashed,ok #1 1s 100", "crashed,ok #2 1s 100"}},
		"scaled": {
			"timeout,failed,memory,timeout,ok",
			batch.Retry{Max: 9, On: []cutoff.Outcome{cutoff.Timeout, cutoff.Failed, cutoff.Memory}, Scale: 1.5},
			[]string{
				"timeout,failed,memory,timeout,ok #1 1s 100", "timeout,failed,memory,timeout,ok #2 1.5s 100",
				"timeout,failed,memory,timeout,ok #3 1.5s 100", "timeout,failed,memory,timeout,ok #4 1.5s 150",
				"timeout,failed,memory,timeout,ok #5 2.25s 150",
			},
		},
		"scaled beyond all": {
			"timeout", batch.Retry{Max: 2, On: []cutoff.Outcome{cutoff.Timeout}, Scale: 1e300},
			[]string{"timeout #1 1s 100", "timeout #2 2562047h47m16.854775807s 100", "timeout #3 2562047h47m16.854775807s 100"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, path := newJournal(t)
			var s script
			var out strings.Builder
			sum, err := batch.Run(t.Context(), &s, list(c.id), batch.Options{
				Slots: 1, Journal: w, Retry: c.retry, Stdout: &out, Limits: cutoff.Limits{Timeout: time.Second, Memory: 100},
			})
			if err != nil || !slices.Equal(s.ran, c.ran) {
				t.Fatalf("ran %q, want %q (%v)", s.ran, c.ran, err)
			}
			n := len(c.ran)
			if want := fmt.Sprintf("%s #%d\n", c.id, n); out.String() != want {
				t.Errorf("shown: %q", out.String())
			}
			if sum.Tasks != 1 || sum.Retries != int64(n-1) || sum.Time != time.Duration(n)*time.Second {
				t.Errorf("summary %+v", sum)
			}
			started, ended := records(t, path)
			if len(started) != n || len(ended) != n {
				t.Fatalf("%d attempts: %d and %d records", n, len(started), len(ended))
			}
			for i, e := range ended {
				if e.Attempt != i+1 || started[i].Attempt != i+1 || e.Retry != (i < n-1) {
					t.Errorf("record %d: attempt %d, retry %v", i, e.Attempt, e.Retry)
				}
			}
		})
	}
}

// While a task waits for its retry others have its slot.
func TestRetryWaitsWithoutSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		var waits []int
		begin := time.Now()
		_, err := batch.Run(t.Context(), new(script), list("failed,failed,ok", "ok a", "ok b"), batch.Options{
			Slots: 1,
			Retry: batch.Retry{Max: 2, Backoff: func(n int) time.Duration {
				waits = append(waits, n)
				return time.Duration(n) * time.Hour
			}},
			OnEvent: func(e batch.Event) {
				if e.Kind == batch.Started {
					order = append(order, fmt.Sprintf("%s #%d", e.Attempt.Task.ID, e.Attempt.Number))
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"failed,failed,ok #1", "ok a #1", "ok b #1", "failed,failed,ok #2", "failed,failed,ok #3"}; !slices.Equal(order, want) {
			t.Errorf("order %q", order)
		}
		if took := time.Since(begin); took != 3*time.Hour || !slices.Equal(waits, []int{1, 2}) {
			t.Errorf("it took %v; waits of the retries %v", took, waits)
		}
	})
}

// A batch that is stopped waits for no retry: the task keeps its outcome, and
// in the journal it is one that a later run makes up for.
func TestRetryStopped(t *testing.T) {
	w, path := newJournal(t)
	ctx, cancel := context.WithCancel(t.Context())
	var last []batch.Event
	opts := batch.Options{
		Slots: 1, Journal: w, Limits: cutoff.Limits{Timeout: time.Second}, Passes: []time.Duration{time.Minute},
		Retry: batch.Retry{Max: 2, Scale: 2, On: []cutoff.Outcome{cutoff.Failed, cutoff.Timeout}, Backoff: func(int) time.Duration { return time.Hour }},
		OnEvent: func(e batch.Event) {
			if e.Kind == batch.Ended {
				last = append(last, e)
			}
			if e.Kind == batch.Started && e.Attempt.Task.ID == "canceled" {
				cancel()
			}
		},
	}
	ids := []string{"failed,failed,ok", "timeout,failed,timeout,ok", "canceled"}
	sum, err := batch.Run(ctx, new(script), list(ids...), opts)
	if !errors.Is(err, context.Canceled) || sum.Unretried != 2 || sum.Outcomes[cutoff.Failed] != 1 || sum.Outcomes[cutoff.Timeout] != 1 || sum.Outcomes[cutoff.Canceled] != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if len(last) != 3 || last[0].Attempt.Number != 1 || last[0].Attempt.Limits.Timeout != time.Second {
		t.Errorf("the ends: %+v", last)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	// The next run goes on between the attempts: numbers, retries that are
	// left, pass and limits.
	w, opts.Resume = resume(t, path)
	opts.Journal, opts.Retry.Backoff, last = w, nil, nil
	var s script
	sum, err = batch.Run(t.Context(), &s, list(ids[:2]...), opts)
	if err != nil || sum.Unretried != 0 || sum.Outcomes[cutoff.OK] != 2 || sum.Missing != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	want := []string{
		"failed,failed,ok #2 1s 0", "failed,failed,ok #3 1s 0",
		"timeout,failed,timeout,ok #2 1m0s 0", "timeout,failed,timeout,ok #3 1m0s 0", "timeout,failed,timeout,ok #4 2m0s 0",
	}
	if slices.Sort(s.ran); !slices.Equal(s.ran, want) {
		t.Errorf("ran %q", s.ran)
	}
	_, ended := records(t, path)
	settled := map[int64]int{}
	for _, e := range ended {
		if !e.Retry && e.Outcome != cutoff.Canceled {
			settled[e.Seq]++
		}
	}
	if len(settled) != 2 || settled[1] != 1 || settled[2] != 1 {
		t.Errorf("ends that settle: %v", settled)
	}
}

// Retries that no earlier run left are none: an attempt without an end, or one
// that was canceled, costs none.
func TestRetryAfterCrash(t *testing.T) {
	w, path := newJournal(t)
	died := make(chan struct{})
	dies := runnerFunc(func(context.Context, batch.Attempt) (cutoff.Result, error) {
		<-died // as if the supervisor had been killed
		return ends(cutoff.Canceled, 0)
	})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := batch.Run(ctx, dies, list("failed"), batch.Options{Journal: w, Retry: batch.Retry{Max: 1}, OnEvent: func(e batch.Event) {
		if e.Kind == batch.Started {
			cancel()
			close(died)
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.Close()
	w, state := resume(t, path)
	var s script
	sum, err := batch.Run(t.Context(), &s, list("failed"), batch.Options{Journal: w, Resume: state, Retry: batch.Retry{Max: 1}})
	if want := []string{"failed #2 0s 0", "failed #3 0s 0"}; err != nil || !slices.Equal(s.ran, want) || sum.Retries != 1 {
		t.Errorf("ran %q, %+v, %v", s.ran, sum, err)
	}
}

// All tasks have the first pass before one has the second.
func TestPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		w, path := newJournal(t)
		sum, err := batch.Run(t.Context(), sleeper, list("9s", "100ms", "2s", "90s", "1s"), batch.Options{
			Slots: 1, Journal: w, Limits: cutoff.Limits{Timeout: time.Second}, Passes: []time.Duration{3 * time.Second, 10 * time.Second},
			OnEvent: func(e batch.Event) {
				if e.Kind == batch.Started {
					order = append(order, e.Attempt.Task.ID+" of "+e.Attempt.Limits.Timeout.String())
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"9s of 1s", "100ms of 1s", "2s of 1s", "90s of 1s", "1s of 1s", "9s of 3s", "2s of 3s", "90s of 3s", "9s of 10s", "90s of 10s"}
		if !slices.Equal(order, want) {
			t.Errorf("order %q", order)
		}
		if sum.Outcomes[cutoff.OK] != 4 || sum.Outcomes[cutoff.Timeout] != 1 || sum.Retries != 5 || sum.CutOffTime != 19*time.Second {
			t.Errorf("summary %+v", sum)
		}
		_, ended := records(t, path)
		if l := ended[len(ended)-1].Limits; l == nil || l.Timeout != 10*time.Second {
			t.Errorf("limits in the last record: %v", l)
		}
	})
}

// A task with a timeout of its own has one pass, and one that ends otherwise
// than by its timeout is not for the next.
func TestPassesOwnLimit(t *testing.T) {
	tasks := func(yield func(batch.Task, error) bool) {
		_ = yield(batch.Task{ID: "timeout", Argv: []string{"a"}, Limits: cutoff.Limits{Timeout: time.Hour}}, nil) &&
			yield(batch.Task{ID: "failed", Argv: []string{"b"}}, nil) && yield(batch.Task{ID: "memory", Argv: []string{"c"}}, nil)
	}
	var s script
	sum, err := batch.Run(t.Context(), &s, tasks, batch.Options{Slots: 1, Limits: cutoff.Limits{Timeout: time.Second}, Passes: []time.Duration{time.Minute}})
	if want := []string{"timeout #1 1h0m0s 0", "failed #1 1s 0", "memory #1 1s 0"}; err != nil || !slices.Equal(s.ran, want) || sum.Retries != 0 {
		t.Errorf("ran %q, %+v, %v", s.ran, sum, err)
	}
}

// With KeepOrder a task of a later pass may be the one that all others wait
// for: it does not wait for the end of the input then.
func TestPassesKeepOrder(t *testing.T) {
	const n = 1<<16 + 100
	input := func(yield func(batch.Task, error) bool) {
		for i := range n {
			id := "ok"
			if i == 0 {
				id = "timeout,ok"
			}
			if !yield(batch.Task{ID: id, Argv: []string{id}}, nil) {
				return
			}
		}
	}
	quiet := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
		words := strings.Split(a.Task.ID, ",")
		return ends(cutoff.Outcome(words[a.Number-1]), 0)
	})
	sum, err := batch.Run(t.Context(), quiet, input, batch.Options{
		Slots: 2, KeepOrder: true, Limits: cutoff.Limits{Timeout: time.Second}, Passes: []time.Duration{time.Minute},
	})
	if err != nil || sum.Outcomes[cutoff.OK] != n {
		t.Errorf("%+v, %v", sum, err)
	}
}

// What the ledger knows not to end within a pass skips it.
func TestPassesLedger(t *testing.T) {
	ledger, err := batch.OpenLedger(t.TempDir() + "/ledger")
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	opts := batch.Options{Slots: 1, Ledger: ledger, Limits: cutoff.Limits{Timeout: time.Second}, Passes: []time.Duration{time.Minute}}
	for i, want := range [][]string{
		{"timeout,ok #1 1s 0", "timeout #1 1s 0", "timeout,ok #2 1m0s 0", "timeout #2 1m0s 0"},
		{"timeout,ok #1 1m0s 0"},
	} {
		var s script
		sum, err := batch.Run(t.Context(), &s, list("timeout,ok", "timeout"), opts)
		if err != nil || !slices.Equal(s.ran, want) || sum.Hopeless != int64(i) {
			t.Errorf("batch %d ran %q, %+v, %v", i+1, s.ran, sum, err)
		}
	}
}

func TestRetryOptions(t *testing.T) {
	second := cutoff.Limits{Timeout: time.Second}
	for name, o := range map[string]batch.Options{
		"negative":       {Retry: batch.Retry{Max: -1}},
		"shrinking":      {Retry: batch.Retry{Max: 1, Scale: 0.5}},
		"not a number":   {Retry: batch.Retry{Max: 1, Scale: math.NaN()}},
		"on ok":          {Retry: batch.Retry{Max: 1, On: []cutoff.Outcome{cutoff.OK}}},
		"on canceled":    {Retry: batch.Retry{Max: 1, On: []cutoff.Outcome{cutoff.Canceled}}},
		"no first pass":  {Passes: []time.Duration{time.Second}},
		"equal passes":   {Limits: second, Passes: []time.Duration{time.Second}},
		"falling passes": {Limits: second, Passes: []time.Duration{time.Minute, time.Second}},
	} {
		if _, err := batch.Run(t.Context(), named, list("ok"), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
