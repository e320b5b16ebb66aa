package batch

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// loop is a running batch. One goroutine owns it: the one that runs the method
// loop. The others hand it what they have over its channels: feed the tasks,
// and one goroutine for each running attempt its end. So what the journal, the
// screen and the summary say agrees, and says it in that order.
type loop struct {
	runner Runner
	opts   Options

	ctx    context.Context // of the attempts
	cancel context.CancelCauseFunc
	input  chan fed
	closed chan struct{} // closed when the input is not wanted any more
	ends   chan ended

	seq      int64 // of the last task taken from the input
	slots    []int // that are free again
	used     int   // the slots up to this one have been in use
	running  int
	stopped  bool // no further task starts
	occurred journal.Occurrences
	reopened int // tasks of the input that an earlier run left without an outcome
	spool    *spool
	printer  *printer
	sum      Summary
	err      error // the first; the batch's
}

// fed is one element of the input.
type fed struct {
	task Task
	err  error
}

// ended is an attempt that is over.
type ended struct {
	attempt Attempt
	record  journal.Task
	output  *captured
	result  cutoff.Result
	err     error
}

func newLoop(ctx context.Context, r Runner, opts Options) *loop {
	l := &loop{
		runner:  r,
		opts:    opts,
		input:   make(chan fed),
		closed:  make(chan struct{}),
		ends:    make(chan ended),
		printer: newPrinter(opts),
		sum:     Summary{Started: time.Now(), Outcomes: map[cutoff.Outcome]int64{}},
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.spool = &spool{failed: l.cancel}
	return l
}

// feed reads the input. It is the only goroutine that does.
func (l *loop) feed(tasks iter.Seq2[Task, error]) {
	defer close(l.input)
	for t, err := range tasks {
		select {
		case l.input <- fed{t, err}:
		case <-l.closed:
			return
		}
	}
}

// loop runs until the input has ended, or is not wanted any more, and nothing
// runs.
func (l *loop) loop() {
	defer l.cancel(nil)
	defer close(l.closed)
	input, done := l.input, l.ctx.Done()
	for l.running > 0 || input != nil {
		from := input
		if !l.stopped && (l.running == l.opts.Slots || l.printer.full(l.seq+1)) {
			from = nil
		}
		select {
		case f, ok := <-from:
			switch {
			case !ok:
				input = nil
				l.inputEnded()
			case l.ctx.Err() != nil:
				l.interrupt()
				l.giveUp(f)
			default:
				l.take(f)
			}
		case e := <-l.ends:
			l.end(e)
		case <-done:
			l.interrupt()
			done = nil
		}
		if l.stopped && !l.opts.Finite {
			input = nil
		}
	}
}

// stop lets no further task start, for this reason.
func (l *loop) stop(err error) {
	if l.err == nil {
		l.err = err
	}
	if !l.stopped {
		l.stopped = true
		l.opts.OnEvent(Event{Kind: Stopping, Err: err})
	}
}

// interrupt stops the batch because its context has ended. The attempts that
// run see the same context.
func (l *loop) interrupt() { l.stop(context.Cause(l.ctx)) }

// fail stops the batch, and all that runs, because it cannot do its work.
func (l *loop) fail(err error) {
	l.stop(err)
	l.cancel(err)
}

// inputEnded counts what an earlier run left undone and the input has no more.
func (l *loop) inputEnded() {
	if r := l.opts.Resume; r != nil && !l.stopped {
		l.sum.Missing = int64(r.Tasks() - r.Settled() - l.reopened)
	}
}

// take starts the next task of the input, or ends the batch's intake.
func (l *loop) take(f fed) {
	if f.err != nil {
		l.stop(f.err)
		return
	}
	if l.stopped {
		l.giveUp(f)
		return
	}
	n := l.number(f.task)
	if n.prior.Settled {
		l.skip(n)
		return
	}
	if err := checkLimits(n.attempt.Limits); err != nil {
		l.refuse(n, err)
		return
	}
	if err := l.opts.Ledger.check(&n.attempt.Task, n.record.Identity, n.attempt.Limits); err != nil {
		l.sum.Hopeless++
		l.refuse(n, err)
		return
	}
	n.attempt.Number = n.prior.Attempts + 1
	n.attempt.Slot = l.freeSlot()
	n.record.Slot = n.attempt.Slot
	if err := l.journalStarted(n.record, n.attempt.Number); err != nil {
		l.fail(err)
		l.refuse(n, err)
		return
	}
	l.takeSlot()
	l.running++
	l.start(n.attempt, n.record)
}

// freeSlot returns the slot that the next attempt gets. The slots are numbered
// as they are first needed: a batch may allow far more than it ever uses.
func (l *loop) freeSlot() int {
	if n := len(l.slots); n > 0 {
		return l.slots[n-1]
	}
	return l.used + 1
}

// takeSlot takes the slot that freeSlot returned.
func (l *loop) takeSlot() {
	if n := len(l.slots); n > 0 {
		l.slots = l.slots[:n-1]
		return
	}
	l.used++
}

// giveUp records a task that will not start because the batch has stopped.
func (l *loop) giveUp(f fed) {
	if f.err != nil {
		return // the end of an input that nobody reads on
	}
	n := l.number(f.task)
	if n.prior.Settled {
		l.skip(n)
		return
	}
	l.refuse(n, l.err)
}

// numbered is a task that has its place in the batch.
type numbered struct {
	attempt Attempt // without Number and Slot
	record  journal.Task
	prior   journal.TaskState // what earlier runs did with it
}

// number gives a task its place in the batch.
func (l *loop) number(t Task) numbered {
	l.seq++
	l.sum.Tasks++
	if t.ID == "" {
		t.ID = strconv.FormatInt(l.seq, 10)
	}
	n := numbered{attempt: Attempt{Task: t, Seq: l.seq, Limits: t.limits(l.opts.Limits)}}
	n.record = t.record(l.seq, n.attempt.Limits, l.opts.Limits)
	if l.opts.Journal != nil || l.opts.Resume != nil || l.opts.Ledger != nil {
		n.record.Identity = t.Work().Identity()
		n.record.Occurrence = l.occurred.Next(n.record.Identity)
		var known bool
		n.prior, known = l.opts.Resume.Find(n.record.Identity, n.record.Occurrence)
		if known && !n.prior.Settled {
			l.reopened++
		}
	}
	return n
}

// skip passes over a task that an earlier run has settled. Its record stands.
func (l *loop) skip(n numbered) {
	n.attempt.Number = n.prior.Attempts
	res := cutoff.Result{Outcome: n.prior.Outcome, Attempt: n.prior.Attempts, Wall: n.prior.Wall}
	l.print(n.attempt.Seq, nil)
	l.sum.Skipped++
	l.count(res)
	l.opts.OnEvent(Event{Kind: Skipped, Attempt: n.attempt, Result: res})
}

// refuse settles a task without an attempt.
func (l *loop) refuse(n numbered, why error) {
	n.attempt.Slot, n.attempt.Number, n.record.Slot = 0, 0, 0
	l.settle(ended{
		attempt: n.attempt,
		record:  n.record,
		result:  cutoff.Result{Outcome: cutoff.NotStarted, ExitCode: -1},
		err:     fmt.Errorf("batch: not started: %w", why),
	})
}

// start runs an attempt in a goroutine of its own.
func (l *loop) start(a Attempt, record journal.Task) {
	out := &captured{tag: a.Task.ID}
	out.stdout.spool, out.stderr.spool = l.spool, l.spool
	a.Stdout, a.Stderr = io.Discard, io.Discard
	if l.opts.Stdout != nil {
		a.Stdout = &out.stdout
	}
	if l.opts.Stderr != nil {
		a.Stderr = &out.stderr
	}
	l.opts.OnEvent(Event{Kind: Started, Attempt: a})
	go func() {
		res, err := l.runner.Run(l.ctx, a)
		res.Attempt = a.Number
		if res.Outcome == cutoff.NotStarted {
			res.Attempt = 0
		}
		l.ends <- ended{a, record, out, res, err}
	}()
}

// end takes an attempt that is over.
func (l *loop) end(e ended) {
	l.running--
	l.slots = append(l.slots, e.attempt.Slot)
	l.settle(e)
	l.opts.Ledger.note(&e.attempt.Task, e.record.Identity, e.attempt.Limits, e.result)
}

// settle gives a task its outcome: in the journal, then on the screen, then in
// the summary.
func (l *loop) settle(e ended) {
	if err := l.journalEnded(e); err != nil {
		l.fail(err)
	}
	l.print(e.attempt.Seq, e.output)
	l.count(e.result)
	l.opts.OnEvent(Event{Kind: Ended, Attempt: e.attempt, Result: e.result, Err: e.err})
}

// print hands on the output of a task, which may be nil.
func (l *loop) print(seq int64, output *captured) {
	if err := l.printer.finish(seq, output); err != nil {
		l.printer = newPrinter(Options{}) // what is left goes nowhere
		l.fail(err)
	}
}

// count takes a task's last result into the summary.
func (l *loop) count(res cutoff.Result) {
	l.sum.Outcomes[res.Outcome]++
	l.sum.Time += res.Wall
	if res.Outcome.CutOff() {
		l.sum.CutOffTime += res.Wall
	}
}

func (l *loop) journalStarted(t journal.Task, number int) error {
	if l.opts.Journal == nil {
		return nil
	}
	return l.opts.Journal.Started(journal.Started{Task: t, Attempt: number})
}

func (l *loop) journalEnded(e ended) error {
	if l.opts.Journal == nil {
		return nil
	}
	rec := journal.Ended{Task: e.record, Result: e.result}
	if e.err != nil {
		rec.Error = e.err.Error()
	}
	return l.opts.Journal.Ended(rec)
}
