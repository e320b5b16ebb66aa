// Package batchtest holds every [batch.Runner], local or remote, to the same
// rules.
package batchtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/journal"
)

// Tasks are what a runner under test is given to run.
type Tasks struct {
	// OK writes "out\n" to its standard output, "err\n" to its standard error
	// and ends well.
	OK batch.Task
	// Fail fails by itself.
	Fail batch.Task
	// Crash dies of a signal or a panic of its own.
	Crash batch.Task
	// Hang writes "ready\n" to its standard output and then never ends,
	// whatever it is asked.
	Hang batch.Task
	// Missing cannot be started. Leave it zero where there is no such thing.
	Missing batch.Task
}

// hung bounds how long anything may take that must not hang.
const hung = 30 * time.Second

// Run runs the suite.
func Run(t *testing.T, r batch.Runner, tasks Tasks) {
	s := suite{r, tasks}
	for name, test := range map[string]func(*testing.T){
		"endings":        s.endings,
		"timeout":        s.timeout,
		"cancel":         s.cancel,
		"canceledBefore": s.canceledBefore,
		"concurrent":     s.concurrent,
		"inABatch":       s.inABatch,
		"resumed":        s.resumed,
	} {
		t.Run(name, test)
	}
}

type suite struct {
	runner batch.Runner
	tasks  Tasks
}

// attempt runs a task and checks what holds for every ending.
func (s suite) attempt(t *testing.T, ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
	t.Helper()
	a.Seq, a.Number, a.Slot = 1, 1, 1
	if a.Stdout == nil {
		a.Stdout = io.Discard
	}
	if a.Stderr == nil {
		a.Stderr = io.Discard
	}
	ctx, cancel := context.WithTimeout(ctx, hung)
	defer cancel()
	res, err := s.runner.Run(ctx, a)
	if ctx.Err() == context.DeadlineExceeded {
		t.Errorf("the attempt did not end within %v", hung)
	}
	if (err == nil) != (res.Outcome == cutoff.OK) {
		t.Errorf("outcome %q with error %v: the error must be nil for ok and for nothing else", res.Outcome, err)
	}
	if ran := res.Outcome != cutoff.NotStarted; ran == res.Started.IsZero() {
		t.Errorf("outcome %q with Started %v", res.Outcome, res.Started)
	}
	return res, err
}

func (s suite) endings(t *testing.T) {
	for _, c := range []struct {
		name string
		task batch.Task
		want cutoff.Outcome
	}{
		{"ok", s.tasks.OK, cutoff.OK},
		{"failed", s.tasks.Fail, cutoff.Failed},
		{"crashed", s.tasks.Crash, cutoff.Crashed},
		{"notstarted", s.tasks.Missing, cutoff.NotStarted},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.task.Argv == nil && c.task.Cmd == "" {
				t.Skip("there is no such task")
			}
			var out, errOut bytes.Buffer
			res, err := s.attempt(t, t.Context(), batch.Attempt{Task: c.task, Stdout: &out, Stderr: &errOut})
			if res.Outcome != c.want {
				t.Fatalf("outcome %q (%v), want %q", res.Outcome, err, c.want)
			}
			if c.want == cutoff.OK && (out.String() != "out\n" || errOut.String() != "err\n") {
				t.Errorf("output %q and %q, want %q and %q", out.String(), errOut.String(), "out\n", "err\n")
			}
		})
	}
}

func (s suite) timeout(t *testing.T) {
	limits := cutoff.Limits{Timeout: 100 * time.Millisecond}
	res, err := s.attempt(t, t.Context(), batch.Attempt{Task: s.tasks.Hang, Limits: limits})
	if res.Outcome != cutoff.Timeout || !errors.Is(err, cutoff.ErrTimeout) {
		t.Fatalf("outcome %q, error %v, want a timeout", res.Outcome, err)
	}
	if res.Wall < limits.Timeout {
		t.Errorf("cut off after %v, before its limit of %v", res.Wall, limits.Timeout)
	}
}

// ready is a writer that tells of its first write.
type ready struct {
	once sync.Once
	ch   chan struct{}
}

func (r *ready) Write(p []byte) (int, error) {
	r.once.Do(func() { close(r.ch) })
	return len(p), nil
}

func (s suite) cancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	running := &ready{ch: make(chan struct{})}
	go func() {
		select {
		case <-running.ch:
		case <-time.After(hung):
		}
		cancel()
	}()
	res, err := s.attempt(t, ctx, batch.Attempt{Task: s.tasks.Hang, Stdout: running})
	if res.Outcome != cutoff.Canceled || !errors.Is(err, context.Canceled) {
		t.Fatalf("outcome %q, error %v, want canceled", res.Outcome, err)
	}
}

func (s suite) canceledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	res, _ := s.attempt(t, ctx, batch.Attempt{Task: s.tasks.OK})
	if res.Outcome != cutoff.NotStarted {
		t.Fatalf("outcome %q, want notstarted", res.Outcome)
	}
}

// concurrent cuts some attempts off while others end by themselves: nobody
// gets another's ending.
func (s suite) concurrent(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 12 {
		a, want := batch.Attempt{Task: s.tasks.OK}, cutoff.OK
		switch i % 3 {
		case 1:
			a, want = batch.Attempt{Task: s.tasks.Hang, Limits: cutoff.Limits{Timeout: 50 * time.Millisecond}}, cutoff.Timeout
		case 2:
			a, want = batch.Attempt{Task: s.tasks.Fail}, cutoff.Failed
		}
		wg.Go(func() {
			if res, err := s.attempt(t, t.Context(), a); res.Outcome != want {
				t.Errorf("outcome %q (%v), want %q", res.Outcome, err, want)
			}
		})
	}
	wg.Wait()
}

// inABatch checks that a batch on this runner has exactly one record of the
// end of each task.
func (s suite) inABatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	w, err := journal.Create(path, journal.Header{}, journal.Options{Sync: journal.SyncOff})
	if err != nil {
		t.Fatal(err)
	}
	hang := s.tasks.Hang
	hang.Limits.Timeout = 50 * time.Millisecond
	list := []batch.Task{s.tasks.OK, hang, s.tasks.Fail, s.tasks.Crash, s.tasks.OK}
	sum, err := batch.Run(t.Context(), s.runner, input(list), batch.Options{Slots: 2, Journal: w})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if sum.Tasks != 5 || sum.Outcomes[cutoff.OK] != 2 || sum.CutOff() != 1 || sum.Outcomes[cutoff.Failed] != 1 || sum.Outcomes[cutoff.Crashed] != 1 {
		t.Errorf("summary %+v", sum)
	}
	ends := map[int64]int{}
	for _, e := range endsIn(t, path) {
		ends[e.Seq]++
	}
	for seq := range int64(len(list)) {
		if ends[seq+1] != 1 {
			t.Errorf("task %d has %d records of its end, want one", seq+1, ends[seq+1])
		}
	}
}

func input(list []batch.Task) iter.Seq2[batch.Task, error] {
	return func(yield func(batch.Task, error) bool) {
		for _, task := range list {
			if !yield(task, nil) {
				return
			}
		}
	}
}

// endsIn returns the ended records of a journal.
func endsIn(t *testing.T, path string) (ends []*journal.Ended) {
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
		if e, ok := rec.(*journal.Ended); ok {
			ends = append(ends, e)
		}
	}
	return ends
}

// resumed stops a batch while a task runs, and goes on: that task alone runs
// again.
func (s suite) resumed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	w, err := journal.Create(path, journal.Header{}, journal.Options{Sync: journal.SyncOff})
	if err != nil {
		t.Fatal(err)
	}
	list := []batch.Task{s.tasks.OK, s.tasks.Fail, s.tasks.Hang}
	ctx, cancel := context.WithTimeout(t.Context(), hung)
	defer cancel()
	sum, err := batch.Run(ctx, readyRunner{s.runner, cancel}, input(list), batch.Options{Slots: 1, Journal: w})
	if !errors.Is(err, context.Canceled) || sum.Outcomes[cutoff.Canceled] != 1 {
		t.Fatalf("the batch that was stopped: %+v, %v", sum, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w, state, err := journal.Resume(path, journal.Header{}, journal.Options{Sync: journal.SyncOff})
	if err != nil {
		t.Fatal(err)
	}
	sum, err = batch.Run(t.Context(), s.runner, input(list), batch.Options{
		Slots: 1, Journal: w, Resume: state, Limits: cutoff.Limits{Timeout: 50 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if sum.Skipped != 2 || sum.CutOff() != 1 || sum.Outcomes[cutoff.OK] != 1 || sum.Outcomes[cutoff.Failed] != 1 {
		t.Errorf("summary %+v", sum)
	}
	ends := endsIn(t, path)
	if len(ends) != 4 || ends[2].Attempt != 1 || ends[3].Attempt != 2 || ends[3].Identity != ends[2].Identity {
		t.Errorf("%d ends, want four, the last two of the attempts 1 and 2 of one task", len(ends))
	}
}

// readyRunner stops the batch when a task says that it is ready.
type readyRunner struct {
	batch.Runner
	stop func()
}

func (r readyRunner) Run(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
	a.Stdout = writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("ready\n")) {
			r.stop()
		}
		return len(p), nil
	})
	return r.Runner.Run(ctx, a)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
