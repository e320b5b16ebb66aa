package worker

// This file runs in the program that owns the pool.

import (
	"time"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// quickBound is how long a caller waits at the page. Until then it hears of no
// cancellation and of no death, only of the reply and of its deadline.
const quickBound = 250 * time.Microsecond

// quick begins the call at the page and ends it there if the worker is quick.
// It reports whether the request went that way. If the attempt is not over
// then, all that is still to come comes over the pipes.
func (a *attempt) quick() bool {
	p := a.w.page
	if p == nil || a.c.CPU > 0 || a.c.Memory > 0 { // these are measured from before the start
		return false
	}
	posted := time.Now()
	a.w.head = wire.AppendCallHead(a.w.head[:0], a.c.Func, a.c.Timeout, a.c.Memory, a.c.Grace > 0)
	if !p.post(a.w.conn, a.id, a.w.head, a.c.In) {
		return false
	}
	bound := quickBound + time.Duration(len(a.c.In)) // a large one takes its time, less than 1 ns a byte
	if a.c.Timeout > 0 {
		bound = min(bound, a.c.Timeout)
	}
	p.await(bound)
	switch phase, begun := p.close(); {
	case phase == done:
		a.pageReply(posted)
	case phase == left && begun:
		a.pageStart(posted)
	case phase == left:
		// KindStarted will come.
	default:
		a.garbled(posted)
	}
	return true
}

// pageReply takes the reply from the page.
func (a *attempt) pageReply(posted time.Time) {
	f, err := a.w.conn.Take(a.w.page.reply)
	if err != nil || f.Call != a.id {
		a.garbled(posted)
		return
	}
	switch f.Kind {
	case wire.KindDone, wire.KindError, wire.KindPanic, wire.KindRefused:
	default:
		a.garbled(posted)
		return
	}
	m, _, err := wire.CutMeter(f.Payload)
	if err != nil {
		a.garbled(posted)
		return
	}
	now := time.Now()
	a.start(within(now.Add(-m.Wall), posted, now), a.end.Before)
	a.reply(f, now)
}

// pageStart takes the start from the page.
func (a *attempt) pageStart(posted time.Time) {
	began, before := a.w.page.account()
	e := a.w.epoch
	a.start(within(e.at.Add(time.Duration(began-e.mono)), posted, time.Now()), before)
}

// within is t, or the bound that it lies beyond: the worker's account is
// believed only as far as it is possible.
func within(t, from, to time.Time) time.Time {
	switch {
	case t.Before(from):
		return from
	case t.After(to):
		return to
	}
	return t
}

// start notes when the call was taken up.
func (a *attempt) start(at time.Time, before wire.Meter) {
	a.end.Started, a.lastSign, a.end.Before = at, at, before
	if a.c.Started != nil {
		a.c.Started(at)
	}
}

// garbled ends a worker whose page makes no sense. Nobody but the function can
// have done that, so it has run.
func (a *attempt) garbled(posted time.Time) {
	a.start(posted, a.end.Before)
	a.end.Broken = wire.ErrGarbled
	a.kill()
}

// timer is what an attempt asks of an alarm.
type timer interface {
	Reset(time.Duration) bool
	Stop() bool
}
