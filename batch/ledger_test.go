package batch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// withLedger runs tasks with a ledger and returns what ran and why what did not
// did not.
func withLedger(t *testing.T, path string, limits cutoff.Limits, tasks ...batch.Task) (ran, refused []string, sum batch.Summary) {
	t.Helper()
	l, err := batch.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	runner := runnerFunc(func(ctx context.Context, a batch.Attempt) (cutoff.Result, error) {
		ran = append(ran, a.Task.ID)
		res, err := named(ctx, a)
		if strings.HasSuffix(a.Task.ID, "machine") {
			res.MemoryBy = cutoff.ByMachine
		}
		return res, err
	})
	input := func(yield func(batch.Task, error) bool) {
		for _, task := range tasks {
			if !yield(task, nil) {
				return
			}
		}
	}
	sum, err = batch.Run(t.Context(), runner, input, batch.Options{Slots: 1, Limits: limits, Ledger: l, OnEvent: func(e batch.Event) {
		if e.Kind == batch.Ended && e.Result.Outcome == cutoff.NotStarted {
			if !errors.Is(e.Err, batch.ErrHopeless) {
				t.Errorf("%s did not start: %v", e.Attempt.Task.ID, e.Err)
			}
			refused = append(refused, e.Err.Error())
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if int(sum.Hopeless) != len(refused) || sum.Outcomes[cutoff.NotStarted] != sum.Hopeless {
		t.Errorf("%d did not start, and the summary says %+v", len(refused), sum)
	}
	return ran, refused, sum
}

func tasks(ids ...string) (out []batch.Task) {
	for _, id := range ids {
		out = append(out, batch.Task{ID: id, Argv: []string{"work", id}})
	}
	return out
}

func TestLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	limits := cutoff.Limits{Timeout: 2 * time.Second, CPU: time.Second, Memory: 1 << 20, Output: 1000}
	all := tasks("ok", "failed", "timeout", "cpu", "memory", "memory machine", "output", "idle", "crashed", "canceled")
	ran, refused, _ := withLedger(t, path, limits, all...)
	if len(ran) != len(all) || refused != nil {
		t.Fatalf("first: %q ran, refused: %q", ran, refused)
	}
	// What was cut off for a limit that there is does not start again.
	ran, refused, sum := withLedger(t, path, limits, all...)
	if want := []string{"ok", "failed", "memory machine", "idle", "crashed", "canceled"}; !slices.Equal(ran, want) || sum.Hopeless != 4 {
		t.Errorf("second: %q ran, refused: %q", ran, refused)
	}
	if len(refused) == 4 && (refused[0] != "batch: not started: known not to end within 2s" || !strings.Contains(refused[1], "processor time")) {
		t.Errorf("reasons %q", refused)
	}
	for name, c := range map[string]struct {
		limits cutoff.Limits
		task   batch.Task
		starts bool
	}{
		"lower limit":     {cutoff.Limits{Timeout: time.Second}, all[2], false},
		"higher limit":    {cutoff.Limits{Timeout: 3 * time.Second}, all[2], true},
		"no limit":        {cutoff.Limits{}, all[2], true},
		"its own limit":   {limits, batch.Task{ID: "ok", Argv: all[2].Argv, Limits: cutoff.Limits{Timeout: time.Hour}}, true},
		"another name":    {limits, batch.Task{ID: "ok", Argv: all[2].Argv}, false},
		"another input":   {limits, batch.Task{ID: "ok", Argv: all[2].Argv, Stdin: []byte("x")}, true},
		"another command": {limits, batch.Task{ID: "ok", Argv: []string{"work", "ok"}}, true},
	} {
		if ran, _, _ := withLedger(t, path, c.limits, c.task); (ran != nil) != c.starts {
			t.Errorf("%s: ran %q", name, ran)
		}
	}
}

// What the command names has changed: it may end now.
func TestLedgerOfChangedFiles(t *testing.T) {
	dir := t.TempDir()
	path, file := filepath.Join(dir, "ledger.jsonl"), filepath.Join(dir, "a b.cnf")
	write := func(text string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for name, task := range map[string]batch.Task{
		"argv":     {ID: "timeout", Argv: []string{"work", file}},
		"relative": {ID: "timeout r", Argv: []string{"work", "a b.cnf"}, Dir: dir},
		"program":  {ID: "timeout p", Argv: []string{file, "x"}},
		"shell":    {ID: "timeout s", Cmd: "cat <'" + dir + "/c.cnf' | work"},
	} {
		if name == "shell" {
			file = filepath.Join(dir, "c.cnf")
		}
		limits := cutoff.Limits{Timeout: time.Second}
		for i, c := range []struct {
			text   string
			at     time.Time
			starts bool
		}{
			{"p", now, true}, {"p", now, false}, {"pp", now, true}, {"pp", now.Add(time.Second), true}, {"pp", now.Add(time.Second), false},
			{"p", now, false}, // as it was at first
		} {
			write(c.text, c.at)
			if ran, _, _ := withLedger(t, path, limits, task); (ran != nil) != c.starts {
				t.Errorf("%s: step %d: ran %q", name, i, ran)
			}
		}
		file = filepath.Join(dir, "a b.cnf")
	}
}

// Damage costs the damaged lines; a file that is no ledger is left alone.
func TestLedgerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	limits := cutoff.Limits{Timeout: time.Second}
	withLedger(t, path, limits, tasks("timeout", "timeout 2")...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n != 3 {
		t.Errorf("%d lines, want a header and two: %s", n, b)
	}
	if err := os.WriteFile(path, b[:len(b)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{{"timeout 2"}, nil} { // torn, then written again
		if ran, _, _ := withLedger(t, path, limits, tasks("timeout", "timeout 2")...); !slices.Equal(ran, want) {
			t.Errorf("ran %q, want %q", ran, want)
		}
	}
	for _, text := range []string{"hello\n", `{"type":"header","format":"cutoff-journal","major":1}` + "\n", `{"type":"header","format":"cutoff-ledger","major":2}` + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := batch.OpenLedger(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%q has become %q, %v", text, b, err)
		}
	}
}
