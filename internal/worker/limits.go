package worker

// This file runs in the program that owns the pool.

import (
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// Limit is a limit that fired.
type Limit int

// The limits that the attempt itself keeps.
const (
	NoLimit Limit = iota
	TimeoutLimit
	IdleLimit
	CPULimit
	MemoryLimit
	OutputLimit
)

// watch begins to measure the worker's tree for the limits that need it. What
// the worker had used before the call does not count as its time. A call that
// has none of these limits costs nothing; a change of the limit that the kernel
// keeps costs some file writes.
func (a *attempt) watch() {
	a.w.tree.LimitMemory(a.c.Memory)
	if a.c.CPU <= 0 && a.c.Memory <= 0 {
		a.oom = a.w.tree.OOM()
		return
	}
	a.gauge = a.w.tree.Watch(proc.Bounds{CPU: a.c.CPU, Memory: a.c.Memory})
	a.look = time.NewTimer(a.gauge.First())
	a.looks = a.look.C
}

// measure looks at what the worker's tree uses.
func (a *attempt) measure() {
	exceeded, next := a.gauge.Look()
	switch exceeded {
	case proc.CPUExceeded:
		a.exceed(CPULimit)
	case proc.MemoryKernel, proc.MemoryWatch:
		a.end.ByKernel = exceeded == proc.MemoryKernel
		a.exceed(MemoryLimit)
	default:
		a.look.Reset(next)
	}
}

// exceed stops the call for a limit that is not bound to time. Memory has no
// grace, which would be used to take more of it.
func (a *attempt) exceed(l Limit) {
	if a.catchUp(); a.over || a.end.Limit != NoLimit || a.end.Canceled {
		return
	}
	now := time.Now()
	a.end.Limit, a.deadline = l, now
	if l == MemoryLimit {
		a.c.Grace = 0
	}
	a.stop(now)
}

// due returns when the first limit that is bound to time passes, or passed,
// which it is, and how long; or zero. The idle clock stops where the attempt is
// being stopped.
func (a *attempt) due() (at time.Time, l Limit, span time.Duration) {
	if !a.deadline.IsZero() {
		return a.deadline, a.end.Limit, 0
	}
	if a.end.Started.IsZero() {
		return
	}
	if a.c.Timeout > 0 {
		at, l, span = a.end.Started.Add(a.c.Timeout), TimeoutLimit, a.c.Timeout
	}
	if a.c.Idle > 0 {
		if i := a.lastSign.Add(a.c.Idle); l == NoLimit || i.Before(at) {
			at, l, span = i, IdleLimit, a.c.Idle
		}
	}
	if l != NoLimit {
		at = a.stall.Moved(at)
	}
	return at, l, span
}

// next returns the next thing that is bound to time; the time is zero if there
// is none.
func (a *attempt) next() (at time.Time, l Limit, span time.Duration) {
	switch {
	case !a.graceEnd.IsZero():
		return a.stall.Moved(a.graceEnd), NoLimit, a.c.Grace
	case a.end.Started.IsZero():
		return a.stall.Moved(a.takeUp), NoLimit, takeUpBound
	}
	return a.due()
}

// rearm sets the timer to the next thing that is bound to time. A sign of life
// does not come here: the timer finds at its end that it came too early.
func (a *attempt) rearm(now time.Time) {
	if at, _, _ := a.next(); at.IsZero() {
		a.timer.Stop()
	} else {
		a.timer.Reset(at.Sub(now))
	}
}

// expired acts on a bound that passed. One that passed long ago gets a fresh
// chance: nobody was here to see what came meanwhile.
func (a *attempt) expired(now time.Time) {
	at, l, span := a.next()
	switch {
	case at.IsZero() || now.Before(at) || a.stall.Forgive(now, at, span):
		a.rearm(now)
	case l == NoLimit:
		a.kill() // the grace is over, or an idle worker takes nothing up and is broken
	default:
		a.end.Limit, a.deadline = l, at
		a.stop(now)
	}
}
