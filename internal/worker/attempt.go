package worker

// This file runs in the program that owns the pool.

import (
	"time"

	"github.com/cutoff-run/cutoff/internal/deadline"
	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/internal/wire"
)

// Call is one call for a worker.
type Call struct {
	Func                 string
	In                   []byte
	Timeout, Grace, Idle time.Duration   // as in cutoff.Limits; zero = none
	CPU                  time.Duration   // likewise
	Memory               int64           // likewise
	Full                 <-chan struct{} // closed: it has written more than its limit
	Stop                 <-chan struct{} // closed: stop politely, then kill after Grace
	Kill                 <-chan struct{} // closed: kill
	Started              func(time.Time) // told when the function starts
	Beat                 func(progress float64)
}

// Ending is all that is known about how an attempt ended.
type Ending struct {
	Started  time.Time // when the worker took the call up; zero: never
	Ended    time.Time
	Limit    Limit // the limit for which it was stopped
	Canceled bool  // it was stopped because the caller said so
	Asked    bool  // the stop began politely

	Reply   wire.Kind // KindDone, KindError, KindPanic, KindRefused; 0: none
	Body    []byte    // the reply behind its meter
	Meter   wire.Meter
	Best    []byte // the last report
	HasBest bool

	Overshoot time.Duration // from the limit to the end; zero if none had passed
	Stalled   time.Duration // how late we came to a deadline; see package deadline
	ByKernel  bool          // the limit is MemoryLimit, and the kernel kept it
	OOM       proc.OOM      // what the kernel did during the call, if it keeps a limit

	Gone   bool // the worker's process has ended: Status, Crash, Leaked hold
	Status proc.Status
	Crash  string     // what its runtime said when it died
	Stack  string     // where the function was when a limit stopped it
	Leaked int        // processes that it left behind; they have been killed
	Broken error      // it violated the protocol
	Before wire.Meter // what the worker had used when the call started
	Stuck  bool       // it could not be killed within bound
}

// The bounds of every wait that no limit covers.
const (
	// takeUpBound is how long an idle worker may take to take a call up.
	takeUpBound = 10 * time.Second
	// lostBound is how long a worker that closed its descriptors may take to
	// exit before it is killed.
	lostBound = 100 * time.Millisecond
	// drainBound is how long the pipe of a dead worker is read: what it sent
	// is there at once, only a descendant that holds the pipe delays its end.
	drainBound = 50 * time.Millisecond
	// reapBound is how long the kernel may take to end a killed process.
	reapBound = 10 * time.Second
)

// large is the size of input beyond which a request may not fit the pipe, so
// that writing it could block.
const large = 32 << 10

// Do runs one call to its end: until its reply is there, or the worker is gone.
func (w *Worker) Do(c Call) Ending {
	var end [1]Ending
	if n, _ := w.Begin([]Call{c}, end[:]); n == 0 {
		return w.Finish()
	}
	return end[0]
}

// Finish runs the call to its end that Begin has left under way.
func (w *Worker) Finish() Ending {
	a := &w.attempt
	if !a.over {
		a.carryOn()
	}
	w.page.trim(len(a.c.In), len(a.end.Body))
	end := a.end
	end.Stalled = a.stall.Total(end.Started, end.Ended, end.Overshoot)
	*a = attempt{} // an idle worker keeps nothing of its last call alive
	return end
}

// carryOn brings the call to its end over the pipes. The request may have gone
// another way.
func (a *attempt) carryOn() {
	deadline.Watch()
	defer deadline.Unwatch()
	now := time.Now()
	requested := !a.posted.IsZero()
	if !requested {
		a.posted = now
	}
	a.takeUp = now.Add(takeUpBound)
	if a.w.alarm == nil {
		a.w.alarm = newAlarm()
	}
	defer a.w.alarm.Stop()
	a.timer, a.rings = a.w.alarm, a.w.alarm.rings
	a.watch()
	a.rearm(now)
	var sent <-chan struct{}
	if !requested {
		sent = a.send()
	}
	for !a.over {
		a.step()
	}
	if a.look != nil {
		a.look.Stop()
	}
	if a.end.Gone {
		a.w.requests.Close() // a write that is under way returns
	}
	if sent != nil {
		<-sent
	}
}

// attempt is one call on its way. All of its state belongs to the goroutine
// that is in Do.
type attempt struct {
	w   *Worker
	c   Call
	id  uint64
	end Ending

	posted   time.Time // before the worker could know of it; zero: it does not
	timer    timer
	rings    <-chan struct{} // the timer's
	takeUp   time.Time       // bound for Started
	lastSign time.Time       // start, beat or report
	deadline time.Time       // of the limit that fired, or was about to
	graceEnd time.Time
	stall    deadline.Stall
	over     bool

	gauge   *proc.Watch // of CPU and Memory; nil: none
	oom     proc.OOM    // from before the call, if there is no gauge
	look    *time.Timer // when to measure next
	looks   <-chan time.Time
	hasQuit bool // it was sent SIGQUIT
}

// send writes the request without ever blocking the attempt.
func (a *attempt) send() <-chan struct{} {
	done := make(chan struct{})
	write := func() {
		defer close(done)
		// A failure means that the worker is gone, which is seen at its pipe.
		_ = a.w.conn.Write(wire.KindCall, a.id, wire.CallHead(a.c.Func, a.c.Timeout, a.c.Memory, a.c.Grace > 0), a.c.In)
	}
	if len(a.c.In) > large {
		go write()
	} else {
		write()
	}
	return done
}

// step waits for the next thing to happen.
func (a *attempt) step() {
	select {
	case f, ok := <-a.w.frames:
		if ok {
			a.frame(f)
		} else {
			a.lost()
		}
	case <-a.rings:
		if a.catchUp(); !a.over {
			a.expired(time.Now())
		}
	case <-a.looks:
		a.measure()
	case <-a.c.Full:
		a.c.Full = nil
		a.exceed(OutputLimit)
	case <-a.c.Stop:
		a.c.Stop = nil
		if a.catchUp(); !a.over {
			a.end.Canceled = a.end.Limit == NoLimit
			a.stop(time.Now())
		}
	case <-a.c.Kill:
		a.end.Canceled = a.end.Limit == NoLimit
		a.kill()
	}
}

// catchUp takes what the worker has sent already: a reply that was there first
// knew nothing of the stop. It takes what is there now and no more, so that a
// flood of beats holds no limit up.
func (a *attempt) catchUp() {
	for range len(a.w.frames) {
		if f, ok := <-a.w.frames; ok && !a.over {
			a.frame(f)
		}
	}
}

// frame takes one message of the worker.
func (a *attempt) frame(f wire.Frame) {
	if f.Call != a.id || a.end.Broken != nil {
		return // of a call that has ended; of a worker that cannot be believed
	}
	now := time.Now()
	switch f.Kind {
	case wire.KindStarted:
		if !a.end.Started.IsZero() {
			return // it stood in the page as well
		}
		before, _, _ := wire.CutMeter(f.Payload) // only figures: zero if absent
		a.start(now, before)
		a.rearm(now)
	case wire.KindBeat:
		a.lastSign = now
		if p, err := wire.Progress(f.Payload); err == nil && a.c.Beat != nil {
			a.c.Beat(p)
		}
	case wire.KindReport:
		a.lastSign = now
		a.end.Best, a.end.HasBest = f.Payload, true
	case wire.KindDone, wire.KindError, wire.KindPanic, wire.KindRefused:
		a.reply(f, now)
	case wire.KindStack:
		a.stackFrame(f)
	}
}

// reply takes the call's one reply. It counts whenever it was complete before
// the worker was dead.
func (a *attempt) reply(f wire.Frame, now time.Time) {
	m, body, err := wire.CutMeter(f.Payload)
	if err != nil {
		a.garbled(err)
		return
	}
	a.end.Reply, a.end.Meter, a.end.Body, a.end.Ended = f.Kind, m, body, now
	if d, l, _ := a.due(); l != NoLimit && now.After(d) {
		a.end.Overshoot = now.Sub(d)
	}
	// A short call may be over before its start is seen here. No limit is
	// measured by the worker's own account, only the record is.
	if began := within(now.Add(-m.Wall), a.posted, now); began.Before(a.end.Started) {
		a.end.Started = began
	}
	a.over = true
}

// garbled ends a worker whose messages make no sense. Nobody but the function
// can have done that, so it has run.
func (a *attempt) garbled(err error) {
	if a.end.Started.IsZero() {
		a.start(a.posted, a.end.Before)
	}
	a.end.Broken = err
	if !a.over { // else it is dead
		a.kill()
	}
}

// start notes when the call was taken up.
func (a *attempt) start(at time.Time, before wire.Meter) {
	a.end.Started, a.lastSign, a.end.Before = at, at, before
	if a.c.Started != nil {
		a.c.Started(at)
	}
}

// stop is the ladder: ask, wait the grace, kill. An attempt whose start nobody
// has seen cannot be asked.
func (a *attempt) stop(now time.Time) {
	if a.c.Grace <= 0 || a.end.Started.IsZero() {
		a.kill()
		return
	}
	if a.end.Asked {
		return // by a limit, and now by the caller: the grace goes on
	}
	a.takeStack(false) // of a function that obeys it is the only one
	if a.over {
		return
	}
	a.end.Asked = true
	a.graceEnd = now.Add(a.c.Grace)
	_ = a.w.conn.Write(wire.KindCancel, a.id) // a failure is seen at the pipe
	a.rearm(now)
}

// kill ends the worker and the attempt.
func (a *attempt) kill() {
	a.takeStack(a.end.Limit != MemoryLimit) // which it would use to take more
	if a.over && !a.hasQuit {
		return // a reply came meanwhile
	}
	a.w.tree.Kill()
	a.bury()
	a.endQuit()
}

// lost deals with a worker whose end of the pipe is closed.
func (a *attempt) lost() {
	a.end.Broken = a.w.broken
	if a.end.Broken == nil {
		select {
		case <-a.w.tree.Exited():
		case <-time.After(lostBound):
		}
	}
	a.kill() // if it is gone already, this is for what it left behind
}

// bury waits until the killed worker is gone, takes what it still had to say,
// and completes the ending.
func (a *attempt) bury() {
	a.over, a.end.Gone = true, true
	select {
	case <-a.w.tree.Exited():
		a.end.Status = a.w.tree.Status()
	case <-time.After(reapBound):
		a.end.Stuck = true
	}
	a.end.Leaked = a.w.closeTree()
	if a.gauge != nil {
		a.end.OOM = a.gauge.OOM()
	} else {
		a.end.OOM = a.w.tree.OOM().Since(a.oom)
	}
	a.drain()
	if a.end.Reply == 0 {
		a.end.Ended = a.end.Status.Ended
		if a.end.Stuck {
			a.end.Ended = time.Now()
		}
		a.end.Crash = a.w.crashText()
	}
	if a.end.Ended.Before(a.end.Started) { // its start was in the pipe when it died
		a.end.Started = a.end.Ended
	}
	if d, l, _ := a.due(); l != NoLimit && a.end.Ended.After(d) {
		a.end.Overshoot = a.end.Ended.Sub(d)
	}
}

// drain reads what the dead worker had sent: a reply that was complete before
// the kill is a result.
func (a *attempt) drain() {
	bound := time.After(drainBound)
	for {
		select {
		case f, ok := <-a.w.frames:
			if !ok {
				return
			}
			a.frame(f)
		case <-bound:
			return
		}
	}
}
