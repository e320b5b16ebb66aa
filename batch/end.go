package batch

import (
	"fmt"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// ended is an attempt that is over, or a task that was given up without one.
type ended struct {
	*numbered
	output  *captured
	results *results // nil: none
	result  cutoff.Result
	err     error
	failure error // not of the attempt but of the batch: it cannot go on
}

// end takes an attempt that is over.
func (l *loop) end(e ended) {
	l.running--
	l.slots.give(e.attempt.Slot)
	if e.failure != nil {
		l.fail(e.failure)
	}
	l.sum.Time += e.result.Wall
	if e.result.Outcome.CutOff() {
		l.sum.CutOffTime += e.result.Wall
	}
	again, nextPass := l.runsAgain(e.numbered, e.result.Outcome)
	if !again || nextPass {
		l.opts.Ledger.note(&e.attempt.Task, e.record.Identity, e.attempt.Limits, e.result)
	}
	if again {
		l.retry(e, nextPass)
		return
	}
	l.settle(e)
}

// retry records an attempt after which its task runs again, and holds the task
// until then. What the attempt wrote is not shown.
func (l *loop) retry(e ended, nextPass bool) {
	if err := l.journalEnded(e, true); err != nil {
		l.fail(err)
	}
	e.output.drop()
	n, attempt := e.numbered, e.attempt
	n.last = &ended{numbered: &numbered{attempt: attempt}, result: e.result, err: e.err}
	n.last.result.Output, n.last.result.Stack = "", "" // there may be many that wait
	n.again = append(n.again[:len(n.again):len(n.again)], e.result.Outcome)
	l.limit(n)
	var wait time.Duration
	if !nextPass {
		wait = l.opts.Retry.wait(len(n.again) - l.pass(n))
	}
	if l.stopped {
		l.forgo(n)
		return
	}
	l.opts.OnEvent(Event{Kind: Retrying, Attempt: attempt, Result: e.result, Err: e.err, Wait: wait, NextPass: nextPass})
	if nextPass {
		l.held.addToPass(l.pass(n), n)
	} else {
		l.held.addAt(time.Now().Add(wait), n)
	}
}

// forgo gives up the next attempt of a task because the batch has stopped. The
// task keeps the outcome of its last attempt in this run; in the journal it is
// one that was to run again.
func (l *loop) forgo(n *numbered) {
	if n.last == nil {
		l.refuse(n, l.err)
		return
	}
	l.sum.Unretried++
	l.finish(*n.last)
}

// skip passes over a task that an earlier run has settled. Its record stands.
func (l *loop) skip(n *numbered) {
	res := cutoff.Result{Outcome: n.prior.Outcome, Attempt: n.prior.Attempts, Wall: n.prior.Wall}
	l.print(n.attempt.Seq, nil)
	l.sum.Skipped++
	l.sum.Time += res.Wall
	if res.Outcome.CutOff() {
		l.sum.CutOffTime += res.Wall
	}
	l.sum.Outcomes[res.Outcome]++
	l.opts.OnEvent(Event{Kind: Skipped, Attempt: n.attempt, Result: res})
}

// refuse settles a task without an attempt.
func (l *loop) refuse(n *numbered, why error) {
	n.attempt.Slot, n.attempt.Number, n.record.Slot = 0, 0, 0
	l.settle(ended{
		numbered: n,
		result:   cutoff.Result{Outcome: cutoff.NotStarted, ExitCode: -1},
		err:      fmt.Errorf("batch: not started: %w", why),
	})
}

// settle gives a task its outcome, first of all in the journal.
func (l *loop) settle(e ended) {
	if err := l.journalEnded(e, false); err != nil {
		l.fail(err)
	}
	l.finish(e)
	l.halt(e)
}

// finish tells of a task's outcome: on the screen, then in the summary.
func (l *loop) finish(e ended) {
	l.print(e.attempt.Seq, e.output)
	l.sum.Outcomes[e.result.Outcome]++
	l.opts.OnEvent(Event{Kind: Ended, Attempt: e.attempt, Result: e.result, Err: e.err})
}

// print hands on the output of a task, which may be nil.
func (l *loop) print(seq int64, output *captured) {
	if err := l.printer.finish(seq, output); err != nil {
		l.printer = newPrinter(Options{}) // what is left goes nowhere
		l.fail(err)
	}
}

// journalEnded records the end of an attempt, or of a task without one: in the
// journal, and with the attempt's results.
func (l *loop) journalEnded(e ended, retry bool) error {
	if l.opts.Journal == nil && e.results == nil {
		return nil
	}
	rec := journal.Ended{Time: time.Now(), Task: e.record, Result: e.result, Retry: retry}
	if e.err != nil {
		rec.Error = e.err.Error()
	}
	if l.opts.Journal != nil {
		if err := l.opts.Journal.Ended(rec); err != nil {
			return err
		}
	}
	if e.results != nil {
		return e.results.record(&rec)
	}
	return nil
}
