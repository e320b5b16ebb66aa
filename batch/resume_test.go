package batch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/journal"
)

// resume goes on with the journal at path.
func resume(t *testing.T, path string) (*journal.Writer, *journal.State) {
	t.Helper()
	w, state, err := journal.Resume(path, journal.Header{}, journal.Options{Sync: journal.SyncOff})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, state
}

// recorder is named, and writes down what it runs.
type recorder struct {
	mu  sync.Mutex
	ran []string
}

func (r *recorder) Run(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
	r.mu.Lock()
	r.ran = append(r.ran, fmt.Sprintf("%s #%d", a.Task.ID, a.Number))
	r.mu.Unlock()
	return named(ctx, a)
}

// TestResume stops a batch of which some tasks have ended, and goes on with an
// edited list: reordered, with new lines, another number of equal ones, and one
// line less.
func TestResume(t *testing.T) {
	w, path := newJournal(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
		if strings.HasSuffix(a.Task.ID, "interrupted") {
			cancel()
			return ends(cutoff.Canceled, 0)
		}
		return named(ctx, a)
	})
	sum, err := batch.Run(ctx, first, list("ok", "timeout a", "ok", "failed b", "ok interrupted", "ok later", "ok gone"),
		batch.Options{Slots: 1, Journal: w, Finite: true})
	if !errors.Is(err, context.Canceled) || sum.Outcomes[cutoff.NotStarted] != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	w, state := resume(t, path)
	var second recorder
	var skipped []string
	sum, err = batch.Run(t.Context(), &second, list("ok new", "ok interrupted", "failed b", "ok", "timeout a", "ok", "ok", "ok later"), batch.Options{
		Slots: 1, Journal: w, Resume: state,
		OnEvent: func(e batch.Event) {
			if e.Kind == batch.Skipped {
				skipped = append(skipped, fmt.Sprintf("%s: %s #%d", e.Attempt.Task.ID, e.Result.Outcome, e.Attempt.Number))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ok new #1", "ok interrupted #2", "ok #1", "ok later #1"}; !slices.Equal(second.ran, want) {
		t.Errorf("ran %q, want %q", second.ran, want)
	}
	if want := []string{"failed b: failed #1", "ok: ok #1", "timeout a: timeout #1", "ok: ok #1"}; !slices.Equal(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
	if sum.Tasks != 8 || sum.Skipped != 4 || sum.Missing != 1 || sum.Outcomes[cutoff.OK] != 6 || sum.CutOff() != 1 || sum.Outcomes[cutoff.Failed] != 1 {
		t.Errorf("summary %+v", sum)
	}
	if sum.Time != 8e9 || sum.CutOffTime != 1e9 {
		t.Errorf("all tasks took %v, the cut off ones %v", sum.Time, sum.CutOffTime)
	}
}

// What an earlier run has settled is not told to be notstarted when the later
// one is stopped, and does not hold up the output of the others.
func TestResumeIsStopped(t *testing.T) {
	w, path := newJournal(t)
	if _, err := batch.Run(t.Context(), named, list("ok a", "ok b"), batch.Options{Journal: w}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w, state := resume(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	runner := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
		fmt.Fprintln(a.Stdout, a.Task.ID)
		cancel()
		return named(ctx, a)
	})
	var out bytes.Buffer
	sum, err := batch.Run(ctx, runner, list("ok a", "ok c", "ok b", "ok d"), batch.Options{
		Slots: 1, Journal: w, Resume: state, Finite: true, KeepOrder: true, Stdout: &out,
	})
	if !errors.Is(err, context.Canceled) || sum.Skipped != 2 || sum.Outcomes[cutoff.OK] != 3 || sum.Outcomes[cutoff.NotStarted] != 1 || sum.Missing != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if out.String() != "ok c\n" {
		t.Errorf("output %q", out.String())
	}
}

// TestResumeOfTornJournals cuts a journal at any byte, as a crash does, and
// goes on with the list in another order, again and again: each task is settled
// exactly once, and none that was settled runs again.
func TestResumeOfTornJournals(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var ids []string
		for range 1 + rnd.IntN(30) {
			ids = append(ids, []string{"ok", "failed", "timeout", "crashed"}[rnd.IntN(4)]+fmt.Sprint(" ", rnd.IntN(12)))
		}
		w, path := newJournal(t)
		var state *journal.State
		for round := 0; ; round++ {
			var r recorder
			sum, err := batch.Run(t.Context(), &r, list(ids...), batch.Options{Slots: 3, Journal: w, Resume: state})
			if err != nil || sum.Tasks != int64(len(ids)) || sum.Missing != 0 {
				t.Fatalf("seed %d: %+v, %v", seed, sum, err)
			}
			if want := len(ids) - int(sum.Skipped); len(r.ran) != want || state != nil && int(sum.Skipped) != state.Settled() {
				t.Fatalf("seed %d: %d ran, %d skipped of %d", seed, len(r.ran), sum.Skipped, len(ids))
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if round == 4 {
				break
			}
			tear(t, path, rnd)
			rnd.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
			w, state = resume(t, path)
		}
		checkSettledOnce(t, path, len(ids))
	}
}

// tear cuts a file somewhere behind its first line.
func tear(t *testing.T, path string, rnd *rand.Rand) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head := bytes.IndexByte(b, '\n') + 1
	if err := os.Truncate(path, int64(head+rnd.IntN(len(b)-head+1))); err != nil {
		t.Fatal(err)
	}
}

// checkSettledOnce holds that n tasks have one last end each, and no two
// attempts the same number.
func checkSettledOnce(t *testing.T, path string, n int) {
	t.Helper()
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ends, starts := map[string]int{}, map[string]int{}
	for rec, err := range journal.Read(f) {
		var line *journal.LineError
		if errors.As(err, &line) {
			continue // torn, and gone on behind it
		}
		if err != nil {
			t.Fatal(err)
		}
		switch r := rec.(type) {
		case *journal.Started:
			starts[fmt.Sprint(r.Identity, r.Occurrence, r.Attempt)]++
		case *journal.Ended:
			ends[fmt.Sprint(r.Identity, r.Occurrence)]++
		}
	}
	if len(ends) != n {
		t.Errorf("%d tasks have an end, want %d", len(ends), n)
	}
	for task, k := range ends {
		if k != 1 {
			t.Errorf("task %s has %d ends", task, k)
		}
	}
	for attempt, k := range starts {
		if k != 1 {
			t.Errorf("%d attempts are called %s", k, attempt)
		}
	}
}

// BenchmarkSkip goes over tasks that are settled: the second half of a resume.
func BenchmarkSkip(b *testing.B) {
	const n = 100_000
	path := filepath.Join(b.TempDir(), "journal.jsonl")
	w, err := journal.Create(path, journal.Header{}, journal.Options{Sync: journal.SyncOff})
	if err != nil {
		b.Fatal(err)
	}
	input := func(yield func(batch.Task, error) bool) {
		for i := range n {
			id := fmt.Sprintf("ok instance-%d.cnf", i)
			if !yield(batch.Task{ID: id, Argv: []string{"minisat", id}}, nil) {
				return
			}
		}
	}
	if _, err := batch.Run(b.Context(), named, input, batch.Options{Slots: 4, Journal: w}); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	w, state, err := journal.Resume(path, journal.Header{}, journal.Options{Sync: journal.SyncOff})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	b.ReportAllocs()
	for b.Loop() {
		sum, err := batch.Run(b.Context(), named, input, batch.Options{Slots: 4, Journal: w, Resume: state})
		if err != nil || sum.Skipped != n {
			b.Fatal(sum, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/task")
}
