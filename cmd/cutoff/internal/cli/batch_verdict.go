package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

// maxListed bounds each list under the verdict.
const maxListed = 20

// tally collects what the verdict lists. It needs the same memory for any
// number of tasks.
type tally struct {
	cutOff, failed, notStarted list
	reason                     string     // why the first task did not start
	reasons                    bool       // there was another reason
	stop                       error      // why the batch stopped before its end
	stuck                      stuckTally // of those that were cut off
}

// list is the first of some lines and the number of all.
type list struct {
	lines []string
	all   int64
}

func (l *list) add(line string) {
	l.all++
	if len(l.lines) < maxListed {
		l.lines = append(l.lines, line)
	}
}

func (l *list) print(w io.Writer, title string) {
	if l.all == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", title)
	for _, line := range l.lines {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if more := l.all - int64(len(l.lines)); more > 0 {
		fmt.Fprintf(w, "  and %s more\n", progress.Count(more))
	}
}

// event is told everything that happens.
func (t *tally) event(e batch.Event) {
	if e.Kind == batch.Stopping {
		t.stop = e.Err
	}
	if e.Kind != batch.Ended && e.Kind != batch.Skipped {
		return
	}
	if e.Result.Outcome == cutoff.OK {
		return // the most of them, and a resume passes over a million
	}
	id := progress.OneLine(e.Attempt.Task.ID, 200)
	line := fmt.Sprintf("%10s  %-14s  %s", progress.Duration(e.Result.Wall), progress.Ending(e), id)
	switch o := e.Result.Outcome; {
	case o.CutOff():
		t.cutOff.add(line)
		t.stuck.add(e.Result)
	case o == cutoff.Failed || o == cutoff.Crashed:
		t.failed.add(line)
	case o == cutoff.NotStarted && t.stop == nil:
		reason := progress.Ending(e)
		if t.reason == "" {
			t.reason = reason
		}
		t.reasons = t.reasons || reason != t.reason
		t.notStarted.add(reason + ": " + id)
	}
}

// print writes the verdict and the lists.
func (t *tally) print(w io.Writer, sum batch.Summary, rest bool) {
	fmt.Fprintf(w, "cutoff: %s\n", t.verdict(sum, rest))
	t.stuck.print(w)
	if t.reasons {
		t.notStarted.print(w, "not started")
	}
	t.cutOff.print(w, "cut off")
	t.failed.print(w, "failed")
}

// verdict is the line that says how a batch went, first what was not done at
// all. With rest, input was left unread if the batch was stopped.
func (t *tally) verdict(sum batch.Summary, rest bool) string {
	var b strings.Builder
	if t.stop != nil {
		b.WriteString(stopReason(t.stop))
		if rest {
			b.WriteString(", the rest of the input was not read")
		}
		b.WriteString("; ")
	}
	if n := sum.Outcomes[cutoff.NotStarted]; n > 0 {
		fmt.Fprintf(&b, "%s NOT STARTED", progress.Count(n))
		if t.reason != "" && !t.reasons {
			b.WriteString(" (" + t.reason + ")")
		}
		b.WriteString("; ")
	}
	if n := sum.Unretried; n > 0 {
		fmt.Fprintf(&b, "%s NOT RUN AGAIN; ", progress.Count(n))
	}
	if n := sum.Missing; n > 0 {
		fmt.Fprintf(&b, "%s NO MORE IN THE INPUT; ", progress.Count(n))
	}
	if sum.Tasks == 0 && t.stop == nil {
		return b.String() + "no tasks: the input is empty"
	}
	b.WriteString(progress.Counted(sum.Tasks, "task"))
	if n := sum.Skipped; n > 0 {
		fmt.Fprintf(&b, ", %s of them done before,", progress.Count(n))
	}
	fmt.Fprintf(&b, " in %s", progress.Duration(sum.Wall))
	if n := sum.Retries; n > 0 {
		fmt.Fprintf(&b, " with %s", progress.Counted(n, "further attempt"))
	}
	fmt.Fprintf(&b, ": %s ok, %s cut off", progress.Count(sum.Outcomes[cutoff.OK]), progress.Count(sum.CutOff()))
	if sum.CutOffTime > 0 {
		fmt.Fprintf(&b, " (%.1f %% of the time)", 100*sum.CutOffTime.Seconds()/sum.Time.Seconds())
	}
	fmt.Fprintf(&b, ", %s failed", progress.Count(sum.Outcomes[cutoff.Failed]))
	if n := sum.Outcomes[cutoff.Crashed]; n > 0 {
		fmt.Fprintf(&b, ", %s crashed", progress.Count(n))
	}
	if n := sum.Outcomes[cutoff.Canceled]; n > 0 {
		fmt.Fprintf(&b, ", %s canceled", progress.Count(n))
	}
	return b.String()
}

// tellStopping says that a batch is ending and waits for what runs.
func tellStopping(w io.Writer, e batch.Event) {
	if e.Kind == batch.Stopping && !e.Now && e.Running > 0 {
		fmt.Fprintf(w, "cutoff: %s: nothing further starts, %s on to the end; Ctrl-C cuts off\n",
			strings.ToLower(stopReason(e.Err)), goOn(e.Running))
	}
}

func goOn(n int) string {
	if n == 1 {
		return "1 task goes"
	}
	return progress.Count(int64(n)) + " tasks go"
}

// stopReason says in a word or two why a batch stopped.
func stopReason(err error) string {
	var bad *inputError
	switch {
	case errors.Is(err, errInterrupted):
		return "INTERRUPTED"
	case errors.As(err, &bad):
		return "STOPPED at bad input"
	case errors.Is(err, batch.ErrHalted):
		return "HALTED: " + haltReason(err)
	case errors.Is(err, batch.ErrBudget):
		return "OUT OF TIME: the budget is used up"
	case isClosedPipe(err):
		return "STOPPED because standard output was closed"
	}
	return "STOPPED"
}

// haltReason is what a rule of --halt says, without the sentinel before it.
func haltReason(err error) string {
	return strings.TrimPrefix(err.Error(), batch.ErrHalted.Error()+": ")
}

// isClosedPipe reports whether nobody reads our output any more.
func isClosedPipe(err error) bool {
	return errors.Is(err, batch.ErrOutput) && errors.Is(err, syscall.EPIPE)
}

// batchStatus turns the end of a batch into the program's exit status.
func batchStatus(sum batch.Summary, err error) error {
	var bad *inputError
	switch {
	case errors.Is(err, errInterrupted):
		return exitError{code: exitInterrupted}
	case errors.As(err, &bad):
		return exitError{exitUsage, bad}
	case errors.Is(err, batch.ErrBudget), errors.Is(err, batch.ErrHalted):
		return endedEarly(sum, err)
	case isClosedPipe(err):
		return exitError{code: exitSignalBase + int(syscall.SIGPIPE)} // as the signal would have ended us
	case err != nil:
		return exitError{exitOurs, err}
	case sum.Tasks > sum.Outcomes[cutoff.OK]+sum.CutOff()+sum.Hopeless:
		return exitError{code: exitFailed}
	case sum.CutOff()+sum.Hopeless > 0:
		return exitError{code: exitCutOff}
	}
	return nil
}

// endedEarly is the exit status of a batch that its own rules ended. What did
// not come to its end for that is not held against it beside what failed.
func endedEarly(sum batch.Summary, err error) error {
	failed := sum.Outcomes[cutoff.Failed]+sum.Outcomes[cutoff.Crashed] > 0
	if failed || sum.CutOff() == 0 && errors.Is(err, batch.ErrHalted) {
		return exitError{code: exitFailed}
	}
	return exitError{code: exitCutOff}
}
