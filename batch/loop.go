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
	room     int              // how many attempts may run
	pause    time.Time        // before which none starts
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
		room:    opts.Slots,
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
		ready := l.startHeld(!wanted)
		if l.stopped && !l.opts.Finite {
			input = nil
		}
		if l.running == 0 && input == nil && l.held.len() == 0 {
			return
		}
		from := input
		if !l.stopped && (!wanted || !ready) {
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
		case <-l.wake():
		case n, ok := <-l.opts.Resize:
			l.resize(n, ok)
		case <-l.budget:
			l.outOfBudget()
		case err, ok := <-l.opts.Stop:
			l.asked(err, ok)
		case <-done:
			l.interrupt()
			done = nil
		}
	}
}

// resize takes a word of Options.Resize; it is not ok if that was closed.
func (l *loop) resize(n int, ok bool) {
	if !ok {
		l.opts.Resize = nil
		return
	}
	l.room = n
}

// asked takes a word of Options.Stop; it is not ok if that was closed.
func (l *loop) asked(why error, ok bool) {
	switch {
	case !ok:
		l.opts.Stop = nil
	case l.stopped:
		l.fail(why)
	default:
		l.stop(why, false)
	}
}

// wantsMore reports whether the next task of the input may come: not while too
// many wait for an earlier one's output, or to run again.
func (l *loop) wantsMore() bool { return !l.printer.full(l.seq+1) && !l.held.full() }

// startHeld starts tasks that wait to run again, as far as they are due and an
// attempt may start: they come before those of the input. Those of a later
// pass come when nothing is to be had of the input. It reports whether another
// attempt may start.
func (l *loop) startHeld(noInput bool) bool {
	for l.ready() {
		n := l.held.take(noInput)
		if n == nil {
			return true
		}
		l.begin(n)
	}
	return false
}

// hasRoom reports whether there is a slot for an attempt.
func (l *loop) hasRoom() bool { return !l.stopped && l.running < l.room }

// ready reports whether an attempt may start now.
func (l *loop) ready() bool {
	if !l.hasRoom() || !l.pause.IsZero() && time.Now().Before(l.pause) {
		return false
	}
	if l.opts.Hold != nil {
		if wait := l.opts.Hold(); wait > 0 {
			l.pause = time.Now().Add(wait)
			return false
		}
	}
	return true
}

// wake returns what tells when an attempt may start that could not before: at
// the end of a pause, or when the next retry is due. It is nil if neither is
// to come.
func (l *loop) wake() <-chan time.Time {
	at, ok := l.held.next()
	if now := time.Now(); l.pause.After(now) {
		at, ok = l.pause, true
	}
	if !ok || !l.hasRoom() {
		return nil
	}
	l.timer.Reset(time.Until(at))
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
