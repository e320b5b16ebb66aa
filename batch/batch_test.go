package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/journal"
)

// runnerFunc is a Runner of the tests.
type runnerFunc func(context.Context, batch.Attempt) (cutoff.Result, error)

func (f runnerFunc) Run(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
	return f(ctx, a)
}

// ends returns a result with an error that fits it.
func ends(o cutoff.Outcome, wall time.Duration) (cutoff.Result, error) {
	res := cutoff.Result{Outcome: o, Started: time.Now().Add(-wall), Wall: wall}
	if o == cutoff.OK {
		return res, nil
	}
	return res, errors.New("it " + string(o))
}

// named ends each task with the outcome that its ID begins with.
var named = runnerFunc(func(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
	o, _, _ := strings.Cut(a.Task.ID, " ")
	return ends(cutoff.Outcome(o), time.Second)
})

// sleeper sleeps for what the ID says, or until its limit or ctx ends it, and
// then prints its ID. It is for synctest.
var sleeper = runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
	start := time.Now()
	d, err := time.ParseDuration(a.Task.ID)
	if err != nil {
		panic(err)
	}
	limit := a.Limits.Timeout
	if limit == 0 {
		limit = 1 << 62
	}
	select {
	case <-ctx.Done():
		return ends(cutoff.Canceled, time.Since(start))
	case <-time.After(min(d, limit)):
	}
	fmt.Fprintf(a.Stdout, "slept %v\n", d)
	if d > limit {
		return ends(cutoff.Timeout, limit)
	}
	return ends(cutoff.OK, d)
})

func list(ids ...string) iter.Seq2[batch.Task, error] {
	return func(yield func(batch.Task, error) bool) {
		for _, id := range ids {
			if !yield(batch.Task{ID: id, Argv: []string{id}}, nil) {
				return
			}
		}
	}
}

// count is the input 1 to n.
func count(n int) iter.Seq2[batch.Task, error] {
	return func(yield func(batch.Task, error) bool) {
		for range n {
			if !yield(batch.Task{Argv: []string{"x"}}, nil) {
				return
			}
		}
	}
}

func newJournal(t *testing.T) (*journal.Writer, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	w, err := journal.Create(path, journal.Header{}, journal.Options{Sync: journal.SyncOff})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, path
}

func records(t *testing.T, path string) (started []*journal.Started, ended []*journal.Ended) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for rec, err := range journal.Read(f) {
		if err != nil {
			t.Fatal(err)
		}
		switch rec := rec.(type) {
		case *journal.Started:
			started = append(started, rec)
		case *journal.Ended:
			ended = append(ended, rec)
		}
	}
	return started, ended
}

func TestOutcomes(t *testing.T) {
	w, path := newJournal(t)
	ids := []string{"ok", "failed", "timeout", "idle", "crashed", "ok 2", "notstarted", "ok"}
	sum, err := batch.Run(t.Context(), named, list(ids...), batch.Options{Slots: 3, Journal: w})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Tasks != 8 || sum.Outcomes[cutoff.OK] != 3 || sum.CutOff() != 2 || sum.Time != 8*time.Second || sum.CutOffTime != 2*time.Second {
		t.Errorf("summary %+v", sum)
	}
	_, ended := records(t, path)
	seen := map[int64]*journal.Ended{}
	for _, e := range ended {
		if seen[e.Seq] != nil {
			t.Errorf("task %d has two ends", e.Seq)
		}
		seen[e.Seq] = e
	}
	for i, id := range ids {
		e := seen[int64(i+1)]
		o, _, _ := strings.Cut(id, " ")
		if e == nil || e.ID != id || string(e.Outcome) != o {
			t.Fatalf("task %d (%s): record %+v", i+1, id, e)
		}
		if (e.Error == "") != (o == "ok") {
			t.Errorf("task %d (%s): error %q", i+1, id, e.Error)
		}
		if want := map[bool]int{true: 0, false: 1}[o == "notstarted"]; e.Attempt != want {
			t.Errorf("task %d (%s): attempt %d, want %d", i+1, id, e.Attempt, want)
		}
		if e.Slot < 1 || e.Slot > 3 {
			t.Errorf("task %d (%s): slot %d", i+1, id, e.Slot)
		}
	}
	if a, b := seen[1], seen[8]; a.Identity != b.Identity || a.Occurrence != 1 || b.Occurrence != 2 {
		t.Errorf("equal tasks: identities %s and %s, occurrences %d and %d", a.Identity, b.Identity, a.Occurrence, b.Occurrence)
	}
}

// TestJournalFirst looks at the file whenever something is told, or runs.
func TestJournalFirst(t *testing.T) {
	w, path := newJournal(t)
	runner := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
		if started, _ := records(t, path); started[len(started)-1].Seq != a.Seq {
			t.Errorf("task %d runs and its start is not in the journal", a.Seq)
		}
		return named(ctx, a)
	})
	_, err := batch.Run(t.Context(), runner, list("ok", "failed", "timeout"), batch.Options{
		Slots: 1, Journal: w,
		OnEvent: func(e batch.Event) {
			if started, ended := records(t, path); int64(len(started)) != e.Attempt.Seq || e.Kind == batch.Ended && int64(len(ended)) != e.Attempt.Seq {
				t.Errorf("told of task %d (%v) with %d starts and %d ends in the journal", e.Attempt.Seq, e.Kind, len(started), len(ended))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSlotsAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		slots := map[int]bool{}
		runner := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
			mu.Lock()
			if slots[a.Slot] || a.Slot < 1 || a.Slot > 3 {
				t.Errorf("slot %d is taken or does not exist", a.Slot)
			}
			slots[a.Slot] = true
			mu.Unlock()
			defer func() {
				mu.Lock()
				delete(slots, a.Slot)
				mu.Unlock()
			}()
			return sleeper(ctx, a)
		})
		sum, err := batch.Run(t.Context(), runner, list("1s", "1s", "1s", "1s", "1h", "1s", "1s"), batch.Options{
			Slots: 3, Limits: cutoff.Limits{Timeout: 2 * time.Second},
		})
		if err != nil {
			t.Fatal(err)
		}
		if sum.Wall != 3*time.Second || sum.Time != 8*time.Second || sum.CutOffTime != 2*time.Second {
			t.Errorf("took %v, all tasks %v, the cut off %v; want 3s, 8s, 2s", sum.Wall, sum.Time, sum.CutOffTime)
		}
	})
}

// TestUnusedSlots: a batch may allow far more slots than it has tasks.
func TestUnusedSlots(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var slots []int
	once := runnerFunc(func(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
		slots = append(slots, a.Slot)
		return ends(cutoff.OK, time.Second)
	})
	if _, err := batch.Run(t.Context(), once, list("a"), batch.Options{Slots: 1 << 22}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if len(slots) != 1 || slots[0] != 1 {
		t.Errorf("slots %v", slots)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("one task took %d bytes", n)
	}
}

func TestTaskLimits(t *testing.T) {
	w, path := newJournal(t)
	own := cutoff.Limits{Timeout: 5, Idle: 7}
	input := func(yield func(batch.Task, error) bool) {
		_ = yield(batch.Task{ID: "ok"}, nil) && yield(batch.Task{ID: "ok", Limits: own}, nil) &&
			yield(batch.Task{ID: "ok", Limits: cutoff.Limits{Timeout: -1}}, nil)
	}
	var got []cutoff.Limits
	runner := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
		got = append(got, a.Limits)
		return named(ctx, a)
	})
	sum, err := batch.Run(t.Context(), runner, input, batch.Options{Slots: 1, Journal: w, Limits: cutoff.Limits{Timeout: 2, Grace: 3}})
	if err != nil {
		t.Fatal(err)
	}
	merged := cutoff.Limits{Timeout: 5, Grace: 3, Idle: 7}
	if len(got) != 2 || got[0] != (cutoff.Limits{Timeout: 2, Grace: 3}) || got[1] != merged {
		t.Errorf("limits %+v", got)
	}
	if sum.Outcomes[cutoff.NotStarted] != 1 {
		t.Errorf("a task with a negative limit must not start: %+v", sum.Outcomes)
	}
	_, ended := records(t, path)
	if ended[0].Limits != nil || ended[1].Limits == nil || *ended[1].Limits != merged {
		t.Errorf("limits in the journal: %v, %v", ended[0].Limits, ended[1].Limits)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []batch.Options{{Slots: -1}, {Limits: cutoff.Limits{Grace: -1}}} {
		if _, err := batch.Run(t.Context(), named, list("ok"), o); err == nil || !strings.Contains(err.Error(), "negative") {
			t.Errorf("%+v: error %v", o, err)
		}
	}
}

// TestLazyInput has an input without an end, of which only what starts is read.
func TestLazyInput(t *testing.T) {
	var read, ended atomic.Int64
	input := func(yield func(batch.Task, error) bool) {
		for {
			if n := read.Add(1) - ended.Load(); n > 2+2 { // two run, one waits, one end may be on its way
				t.Errorf("%d tasks read that have not ended", n)
			}
			if !yield(batch.Task{ID: "ok"}, nil) {
				return
			}
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	runner := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
		defer ended.Add(1)
		return named(ctx, a)
	})
	sum, err := batch.Run(ctx, runner, input, batch.Options{Slots: 2, OnEvent: func(e batch.Event) {
		if e.Attempt.Seq == 1000 {
			cancel(stop)
		}
	}})
	if !errors.Is(err, stop) || sum.Tasks < 1000 || sum.Tasks > 1003 {
		t.Errorf("error %v, %d tasks", err, sum.Tasks)
	}
}

// TestInterrupt stops a batch of which two tasks run and the rest waits.
func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, path := newJournal(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		var kinds []batch.EventKind
		sum, err := batch.Run(ctx, sleeper, list("1s", "1h", "1h", "1h", "1h"), batch.Options{
			Slots: 2, Journal: w, Finite: true,
			OnEvent: func(e batch.Event) { kinds = append(kinds, e.Kind) },
		})
		if !errors.Is(err, context.Canceled) || sum.Wall != 3*time.Second {
			t.Errorf("error %v after %v", err, sum.Wall)
		}
		want := map[cutoff.Outcome]int64{cutoff.OK: 1, cutoff.Canceled: 2, cutoff.NotStarted: 2}
		for o, n := range want {
			if sum.Outcomes[o] != n {
				t.Errorf("%d tasks %s, want %d", sum.Outcomes[o], o, n)
			}
		}
		if started, ended := records(t, path); len(started) != 3 || len(ended) != 5 {
			t.Errorf("%d starts and %d ends in the journal, want 3 and 5", len(started), len(ended))
		}
		stops := 0
		for _, k := range kinds {
			if k == batch.Stopping {
				stops++
			}
		}
		if stops != 1 {
			t.Errorf("told %d times that the batch stops", stops)
		}
	})
}

// TestInterruptBesideInput finds the end of ctx and the next task at the same
// time. It must not start the task, whichever it looks at first.
func TestInterruptBesideInput(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			sum, err := batch.Run(ctx, named, list("ok", "ok", "ok"), batch.Options{Slots: 2, Finite: true, OnEvent: func(e batch.Event) {
				if e.Kind == batch.Started {
					cancel()
					synctest.Wait() // the input waits to hand over the next task
				}
			}})
			if !errors.Is(err, context.Canceled) || sum.Outcomes[cutoff.NotStarted] != 2 {
				t.Fatalf("error %v, %v", err, sum.Outcomes)
			}
		})
	}
}

// TestInterruptWhileInputBlocks must return though the input never does.
func TestInterruptWhileInputBlocks(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	input := func(yield func(batch.Task, error) bool) {
		if yield(batch.Task{ID: "ok"}, nil) {
			cancel()
			<-release
		}
	}
	sum, err := batch.Run(ctx, named, input, batch.Options{})
	if !errors.Is(err, context.Canceled) || sum.Tasks > 1 {
		t.Errorf("error %v, %d tasks", err, sum.Tasks)
	}
}

func TestInputError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("bad line")
		input := func(yield func(batch.Task, error) bool) {
			_ = yield(batch.Task{ID: "5s"}, nil) && yield(batch.Task{}, bad) && yield(batch.Task{ID: "1s"}, nil)
		}
		for _, finite := range []bool{false, true} {
			sum, err := batch.Run(t.Context(), sleeper, input, batch.Options{Slots: 2, Finite: finite})
			if !errors.Is(err, bad) || sum.Outcomes[cutoff.OK] != 1 || sum.Wall != 5*time.Second {
				t.Errorf("error %v, %v in %v; want what ran before to end well", err, sum.Outcomes, sum.Wall)
			}
			if want := map[bool]int64{false: 0, true: 1}[finite]; sum.Outcomes[cutoff.NotStarted] != want {
				t.Errorf("finite %v: %d not started, want %d", finite, sum.Outcomes[cutoff.NotStarted], want)
			}
		}
	})
}

// TestJournalError breaks the journal in the middle: everything that runs is
// stopped and nothing more starts.
func TestJournalError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newJournal(t)
		sum, err := batch.Run(t.Context(), sleeper, list("1s", "1h", "1s", "1s"), batch.Options{
			Slots: 2, Journal: w,
			OnEvent: func(e batch.Event) {
				if e.Kind == batch.Ended && e.Attempt.Seq == 1 {
					w.Close()
				}
			},
		})
		if !errors.Is(err, os.ErrClosed) || sum.Wall != time.Second || sum.Outcomes[cutoff.Canceled] != 1 || sum.Outcomes[cutoff.OK] != 1 {
			t.Errorf("error %v, %v in %v", err, sum.Outcomes, sum.Wall)
		}
	})
}

// failAfter fails from write number n on.
type failAfter struct{ n int }

var errFull = errors.New("full")

func (f *failAfter) Write(p []byte) (int, error) {
	if f.n--; f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestOutputError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sum, err := batch.Run(t.Context(), sleeper, list("1s", "1h", "2s", "1s"), batch.Options{Slots: 2, Stdout: &failAfter{1}})
		if !errors.Is(err, errFull) || !errors.Is(err, batch.ErrOutput) || sum.Wall != 3*time.Second || sum.Outcomes[cutoff.Canceled] != 1 {
			t.Errorf("error %v, %v in %v", err, sum.Outcomes, sum.Wall)
		}
	})
}

func TestOrder(t *testing.T) {
	for _, c := range []struct {
		keep, tag bool
		want      string
	}{
		{false, false, "slept 1s\nslept 2s\nslept 3s\n"},
		{true, false, "slept 3s\nslept 1s\nslept 2s\n"},
		{true, true, "3s\tslept 3s\n1s\tslept 1s\n2s\tslept 2s\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			_, err := batch.Run(t.Context(), sleeper, list("3s", "1s", "2s"), batch.Options{
				Slots: 3, Stdout: &out, KeepOrder: c.keep, Tag: c.tag,
			})
			if err != nil || out.String() != c.want {
				t.Errorf("keep %v, tag %v: %q, %v; want %q", c.keep, c.tag, out.String(), err, c.want)
			}
		})
	}
}

// TestOutputKeptTogether has tasks that write at the same time, more than is
// held in memory, to both outputs, in pieces that fit nothing.
func TestOutputKeptTogether(t *testing.T) {
	const tasks, lines = 6, 5000
	runner := runnerFunc(func(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
		for i := range lines {
			fmt.Fprintf(a.Stdout, "out %d %d\n", a.Seq, i)
			fmt.Fprintf(a.Stderr, "err %d %d\n", a.Seq, i)
			if i%100 == 0 {
				runtime.Gosched()
			}
		}
		return ends(cutoff.OK, 1)
	})
	for _, keep := range []bool{false, true} {
		var out, errOut strings.Builder
		if _, err := batch.Run(t.Context(), runner, count(tasks), batch.Options{Slots: 3, Stdout: &out, Stderr: &errOut, KeepOrder: keep, Tag: true}); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"out": out.String(), "err": errOut.String()} {
			checkTogether(t, name, text, tasks, lines, keep)
		}
	}
}

func checkTogether(t *testing.T, name, text string, tasks, lines int, inOrder bool) {
	t.Helper()
	got := strings.SplitAfter(text, "\n")
	if len(got) != tasks*lines+1 {
		t.Fatalf("%s: %d lines, want %d", name, len(got)-1, tasks*lines)
	}
	seen := map[string]bool{}
	for k := range tasks {
		seq, _, _ := strings.Cut(got[k*lines], "\t")
		if seen[seq] || inOrder && seq != fmt.Sprint(k+1) {
			t.Errorf("%s: block %d is of task %s", name, k+1, seq)
		}
		seen[seq] = true
		for i := range lines {
			if want := fmt.Sprintf("%s\t%s %s %d\n", seq, name, seq, i); got[k*lines+i] != want {
				t.Fatalf("%s: line %q, want %q", name, got[k*lines+i], want)
			}
		}
	}
}

// TestOrderedBacklog has one slow task before many fast ones with output: what
// waits for it is bounded in memory, and in number.
func TestOrderedBacklog(t *testing.T) {
	const (
		window = 1 << 16
		tasks  = window + 100
	)
	block := strings.Repeat("x", 16<<10) + "\n"
	synctest.Test(t, func(t *testing.T) {
		before := liveHeap()
		var started atomic.Int64
		runner := runnerFunc(func(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
			started.Add(1)
			if a.Seq == 1 {
				time.Sleep(time.Second) // ends when nothing else can go on
				if n := started.Load(); n != window {
					t.Errorf("%d tasks have started before the first has ended, want %d", n, window)
				}
				if heap := liveHeap(); heap > before+16<<20 {
					t.Errorf("%d MiB of heap while %d MiB of output wait", (heap-before)>>20, window/16*len(block)>>20)
				}
			} else if a.Seq%16 == 0 {
				_, _ = io.WriteString(a.Stdout, block)
			}
			return ends(cutoff.OK, 1)
		})
		var out countWriter
		sum, err := batch.Run(t.Context(), runner, count(tasks), batch.Options{Slots: 2, Stdout: &out, KeepOrder: true})
		if err != nil || sum.Tasks != tasks {
			t.Fatalf("%v, %d tasks", err, sum.Tasks)
		}
		if want := int64(tasks / 16 * len(block)); int64(out) != want {
			t.Errorf("%d bytes of output, want %d", out, want)
		}
	})
}

type countWriter int64

func (c *countWriter) Write(p []byte) (int, error) {
	*c += countWriter(len(p))
	return len(p), nil
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestFlatMemory runs many tasks: what is kept must not grow with them.
func TestFlatMemory(t *testing.T) {
	const n = 40_000
	var early, late uint64
	_, err := batch.Run(t.Context(), runnerFunc(func(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
		fmt.Fprintln(a.Stdout, "a line of output")
		return ends(cutoff.OK, 1)
	}), count(n), batch.Options{Slots: 4, Stdout: io.Discard, Stderr: io.Discard, OnEvent: func(e batch.Event) {
		switch {
		case e.Kind != batch.Ended:
		case e.Attempt.Seq == n/10:
			early = liveHeap()
		case e.Attempt.Seq == n:
			late = liveHeap()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if late > early+1<<20 {
		t.Errorf("the heap grew from %d to %d KiB", early>>10, late>>10)
	}
}
