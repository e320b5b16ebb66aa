package cutoff

import (
	"context"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// alarms are what may stop a command: its limits, as they pass. They belong to
// the goroutine in supervise.
type alarms struct {
	p       *Process
	timeout *time.Timer // of Limits.Timeout; nil: none. So are the others
	idle    *time.Timer
	look    *time.Timer // when to measure the tree next
	watch   *proc.Watch
	paused  time.Time // since when the clocks stand still; zero: they run
}

func (p *Process) arm() *alarms {
	a := &alarms{p: p}
	if l := p.limits; l.Timeout > 0 {
		a.timeout = time.NewTimer(time.Until(p.started.Add(l.Timeout)))
	}
	if l := p.limits; l.Idle > 0 {
		a.idle = time.NewTimer(time.Until(p.started.Add(l.Idle)))
	}
	if a.watch = p.tree.WatchAll(bounds(p.limits)); a.watch != nil {
		a.look = time.NewTimer(a.watch.First())
	}
	return a
}

// bounds are the limits that need measuring.
func bounds(l Limits) proc.Bounds { return proc.Bounds{CPU: l.CPU, Memory: l.Memory} }

func (a *alarms) disarm() {
	for _, t := range []*time.Timer{a.timeout, a.idle, a.look} {
		if t != nil {
			t.Stop()
		}
	}
}

// ring is the timer's channel; a timer that is not there never rings.
func ring(t *time.Timer) <-chan time.Time {
	if t == nil {
		return nil
	}
	return t.C
}

// await waits for the first of all reasons to end. An end that is there counts
// before a reason to stop that comes at the same moment.
func (p *Process) await(ctx context.Context) (s stop) {
	a := p.arm()
	defer a.disarm()
	for !s.wanted() {
		select {
		case <-p.tree.Exited():
			return stop{}
		case <-ring(a.timeout):
			s = a.passed(a.timeout, Timeout, p.started.Add(p.rested), p.limits.Timeout)
		case <-ring(a.idle):
			s = a.passed(a.idle, Idle, p.streams.lastOutput(), p.limits.Idle)
		case <-ring(a.look):
			s = a.measured()
		case <-p.streams.full:
			s = stop{limit: Output, deadline: time.Now()}
		case <-ctx.Done():
			s = stop{cause: context.Cause(ctx)}
		case cause := <-p.asked:
			s = stop{cause: cause}
		case r := <-p.pauses:
			if r.stop {
				r.done <- a.pause()
			} else {
				r.done <- a.resume()
			}
		}
	}
	if p.tree.Over() {
		<-p.tree.Exited() // it will be noticed at once
		return stop{}
	}
	return s
}

// passed says whether a limit that is bound to time has passed, and sets its
// timer anew if not: there was a sign of life, or the limit gets a fresh chance
// because nobody was there when it passed.
func (a *alarms) passed(t *time.Timer, limit Outcome, since time.Time, span time.Duration) stop {
	now := time.Now()
	due := a.p.stall.Moved(since.Add(span))
	if now.Before(due) || a.p.stall.Forgive(now, due, span) {
		t.Reset(a.p.stall.Moved(due).Sub(now))
		return stop{}
	}
	return stop{limit: limit, deadline: due}
}

// measured looks at what the tree uses.
func (a *alarms) measured() stop {
	exceeded, next := a.watch.Look()
	s := stop{deadline: time.Now()}
	switch exceeded {
	case proc.CPUExceeded:
		s.limit = CPU
	case proc.MemoryWatch:
		s.limit, s.memoryBy = Memory, ByWatch
	case proc.MemoryKernel:
		s.limit, s.memoryBy = Memory, ByKernel
	default:
		a.look.Reset(next)
		return stop{}
	}
	return s
}

// firstDeadline returns when the first of the limits that are bound to time
// passes, or passed; zero if there is none.
func (p *Process) firstDeadline() (d time.Time) {
	if p.limits.Timeout > 0 {
		d = p.stall.Moved(p.started.Add(p.rested + p.limits.Timeout))
	}
	if p.limits.Idle > 0 {
		if i := p.stall.Moved(p.streams.lastOutput().Add(p.limits.Idle)); d.IsZero() || i.Before(d) {
			d = i
		}
	}
	return d
}
