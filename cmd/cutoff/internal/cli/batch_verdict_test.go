package cli

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

var updateVerdicts = flag.Bool("update-verdicts", false, "write the golden files of TestVerdict")

// ended is the event of a task's end.
func endedEvent(id string, res cutoff.Result, err error) batch.Event {
	return batch.Event{Kind: batch.Ended, Attempt: batch.Attempt{Task: batch.Task{ID: id}}, Result: res, Err: err}
}

// verdictCase is a batch that ended in a certain way.
type verdictCase struct {
	name   string
	events []batch.Event
	err    error
	rest   bool
	status int
}

func verdictCases() []verdictCase {
	ok := endedEvent("a", cutoff.Result{Outcome: cutoff.OK, Wall: time.Second}, nil)
	timeout := cutoff.Result{Outcome: cutoff.Timeout, Wall: 2 * time.Second, ExitCode: -1, Signal: "SIGKILL"}
	missing := fmt.Errorf("cutoff: %w", &fs.PathError{Op: "fork/exec", Path: "./x", Err: syscall.ENOENT})
	stop := func(err error) batch.Event { return batch.Event{Kind: batch.Stopping, Err: err} }
	refused := endedEvent("late", cutoff.Result{Outcome: cutoff.NotStarted}, fmt.Errorf("batch: not started: %w", errInterrupted))
	bad := &inputError{"tasks:7", "line", errors.New("bad")}
	spent := fmt.Errorf("%w (2h0m0s)", batch.ErrBudget)
	full := errors.New("journal: no space left on device")

	many := []batch.Event{}
	for i := range 2000 {
		e := ok
		if i%16 == 0 {
			e = endedEvent(fmt.Sprintf("hard-%d.cnf", i), timeout, cutoff.ErrTimeout)
		}
		many = append(many, e)
	}
	stuck := []batch.Event{ok}
	for i := range 61 {
		r := timeout
		r.Stack = fmt.Sprintf("goroutine 1 [running]:\nexample.com/p%d.(*T).f()\n\t/p/f.go:7 +0x1\n", max(0, i-40)/3)
		if i == 60 {
			r.Stack = ""
		}
		stuck = append(stuck, endedEvent(fmt.Sprint("s", i), r, cutoff.ErrTimeout))
	}
	return []verdictCase{
		{name: "empty"},
		{name: "ok", events: []batch.Event{ok}},
		{name: "timeout", events: many, status: exitCutOff},
		{name: "stuck", events: stuck, status: exitCutOff},
		{name: "idle", status: exitCutOff, events: []batch.Event{ok, endedEvent("quiet", cutoff.Result{Outcome: cutoff.Idle, Wall: 90 * time.Second}, cutoff.ErrIdle)}},
		{name: "failed", status: exitFailed, events: []batch.Event{ok, endedEvent("b\x1b[31m\n", cutoff.Result{Outcome: cutoff.Failed, Wall: 1500 * time.Microsecond, ExitCode: 2}, errors.New("x"))}},
		{name: "crashed", status: exitFailed, events: []batch.Event{endedEvent("c", cutoff.Result{Outcome: cutoff.Crashed, Wall: time.Hour, Signal: "SIGSEGV"}, errors.New("x"))}},
		{name: "failed_and_timeout", status: exitFailed, events: []batch.Event{endedEvent("b", cutoff.Result{Outcome: cutoff.Failed, Wall: time.Second, ExitCode: 1}, errors.New("x")), endedEvent("c", timeout, cutoff.ErrTimeout)}},
		{name: "notstarted", status: exitFailed, events: []batch.Event{endedEvent("d", cutoff.Result{Outcome: cutoff.NotStarted}, missing), endedEvent("e", cutoff.Result{Outcome: cutoff.NotStarted}, missing)}},
		{name: "notstarted_differently", status: exitFailed, events: []batch.Event{endedEvent("d", cutoff.Result{Outcome: cutoff.NotStarted}, missing), endedEvent("e", cutoff.Result{Outcome: cutoff.NotStarted}, errors.New("cutoff: no room"))}},
		{name: "canceled", status: exitInterrupted, err: errInterrupted, events: []batch.Event{ok, stop(errInterrupted), endedEvent("f", cutoff.Result{Outcome: cutoff.Canceled, Wall: time.Second}, errInterrupted), refused}},
		{name: "canceled_unread", status: exitInterrupted, err: errInterrupted, rest: true, events: []batch.Event{ok, stop(errInterrupted)}},
		{name: "budget", status: exitCutOff, err: spent, rest: true, events: []batch.Event{ok, stop(spent), endedEvent("f", cutoff.Result{Outcome: cutoff.Canceled, Wall: time.Second}, spent)}},
		{name: "budget_and_failed", status: exitFailed, err: spent, events: []batch.Event{endedEvent("b", cutoff.Result{Outcome: cutoff.Failed, Wall: time.Second, ExitCode: 1}, errors.New("x")), stop(spent), refused}},
		{name: "bad_input", status: exitUsage, err: bad, rest: true, events: []batch.Event{ok, stop(bad)}},
		{name: "journal", status: exitOurs, err: full, rest: true, events: []batch.Event{ok, stop(full)}},
		{name: "closed_pipe", status: 141, err: fmt.Errorf("%w: %w", batch.ErrOutput, syscall.EPIPE), events: []batch.Event{ok, stop(fmt.Errorf("%w: %w", batch.ErrOutput, syscall.EPIPE))}},
		{name: "output", status: exitOurs, err: fmt.Errorf("%w: %w", batch.ErrOutput, syscall.ENOSPC), events: []batch.Event{ok, stop(fmt.Errorf("%w: %w", batch.ErrOutput, syscall.ENOSPC))}},
	}
}

// TestVerdict compares what stands at the end of a batch, one golden file for
// each way to end, and the exit status.
func TestVerdict(t *testing.T) {
	for _, c := range verdictCases() {
		t.Run(c.name, func(t *testing.T) {
			var tl tally
			sum := batch.Summary{Wall: 12300 * time.Millisecond, Outcomes: map[cutoff.Outcome]int64{}}
			for _, e := range c.events {
				tl.event(e)
				if e.Kind != batch.Ended {
					continue
				}
				sum.Tasks++
				sum.Outcomes[e.Result.Outcome]++
				sum.Time += e.Result.Wall
				if e.Result.Outcome.CutOff() {
					sum.CutOffTime += e.Result.Wall
				}
			}
			var out strings.Builder
			tl.print(&out, sum, c.rest)
			golden(t, filepath.Join("testdata", "batch", "verdict", c.name+".golden"), out.String())
			code := exitOK
			var exit exitError
			if errors.As(batchStatus(sum, c.err), &exit) {
				code = exit.code
			}
			if code != c.status {
				t.Errorf("exit status %d, want %d", code, c.status)
			}
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *updateVerdicts {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
