package batch

import (
	"context"
	"iter"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// loop is a running batch. One goroutine owns it: the one that runs the method
// loop. The others hand it what they have over its channels: feed the tasks,
// and one goroutine for each running attempt its end. So what the journal, the
// screen and the summary say agrees, and says it in that order.
//
// A task goes through start.go when its attempt begins and through end.go when
// that is over; between two attempts it is held (held.go).
type loop struct {
	runner Runner
	opts   Options

	ctx    context.Context // of the attempts
	cancel context.CancelCauseFunc
	input  chan fed
	closed chan struct{} // closed when the input is not wanted any more
	ends   chan ended

	seq      int64 // of the last task taken from the input
	slots    slots
	held     held
	timer    *time.Timer      // set to when the next held task is due
	budget   <-chan time.Time // tells the end of the budget; nil: there is none
	running  int
	settled  int64 // tasks that this run has settled
	halters  []halter
	stopped  bool // no further attempt starts
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

func newLoop(ctx context.Context, r Runner, opts Options) *loop {
	l := &loop{
		runner:  r,
		opts:    opts,
		input:   make(chan fed),
		closed:  make(chan struct{}),
		ends:    make(chan ended),
		held:    held{passes: make([][]*numbered, len(opts.Passes))},
		timer:   time.NewTimer(0),
		printer: newPrinter(opts),
		sum:     Summary{Started: time.Now(), Outcomes: map[cutoff.Outcome]int64{}},
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.spool = &spool{failed: l.cancel}
	for _, rule := range opts.Halt {
		l.halters = append(l.halters, halter{rule: rule})
	}
	if opts.Budget > 0 {
		l.budget = time.After(opts.Budget)
	}
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
// runs or waits to run again.
func (l *loop) loop() {
	defer l.cancel(nil)
	defer l.timer.Stop()
	defer close(l.closed)
	input, done := l.input, l.ctx.Done()
	for {
		wanted := input != nil && l.wantsMore()
		wake := l.startHeld(!wanted)
		if l.stopped && !l.opts.Finite {
			input = nil
		}
		if l.running == 0 && input == nil && l.held.len() == 0 {
			return
		}
		from := input
		if !l.stopped && (!wanted || !l.hasRoom()) {
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
		case <-wake:
		case <-l.budget:
			l.outOfBudget()
		case err := <-l.opts.Stop:
			if l.stopped {
				l.fail(err)
			} else {
				l.stop(err, false)
			}
		case <-done:
			l.interrupt()
			done = nil
		}
	}
}

// wantsMore reports whether the next task of the input may come: not while too
// many wait for an earlier one's output, or to run again.
func (l *loop) wantsMore() bool { return !l.printer.full(l.seq+1) && !l.held.full() }

// hasRoom reports whether an attempt may start.
func (l *loop) hasRoom() bool { return !l.stopped && l.running < l.opts.Slots }

// startHeld starts tasks that wait to run again, as far as they are due and
// there is room: they come before those of the input. Those of a later pass
// come when nothing is to be had of the input. It returns what tells when the
// next one is due, nil if it cannot start then.
func (l *loop) startHeld(noInput bool) <-chan time.Time {
	for l.hasRoom() {
		n := l.held.take(noInput)
		if n == nil {
			break
		}
		l.begin(n)
	}
	due, ok := l.held.next()
	if !ok || !l.hasRoom() {
		return nil
	}
	l.timer.Reset(time.Until(due))
	return l.timer.C
}

// stop lets no further attempt start, for this reason. With now, what runs is
// being stopped too.
func (l *loop) stop(err error, now bool) {
	if l.err == nil {
		l.err = err
	}
	if l.stopped {
		return
	}
	l.stopped = true
	l.opts.OnEvent(Event{Kind: Stopping, Err: err, Running: l.running, Now: now})
	for _, n := range l.held.takeAll() {
		l.forgo(n)
	}
}

// interrupt stops the batch because its context has ended. The attempts that
// run see the same context.
func (l *loop) interrupt() { l.stop(context.Cause(l.ctx), true) }

// fail stops the batch, and all that runs.
func (l *loop) fail(err error) {
	l.stop(err, true)
	l.cancel(err)
}

// inputEnded counts what an earlier run left undone and the input has no more.
func (l *loop) inputEnded() {
	if r := l.opts.Resume; r != nil && !l.stopped {
		l.sum.Missing = int64(r.Tasks() - r.Settled() - l.reopened)
	}
}
