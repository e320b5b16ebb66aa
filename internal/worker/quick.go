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
	a.posted = time.Now()
	a.w.head = wire.AppendCallHead(a.w.head[:0], a.c.Func, a.c.Timeout, a.c.Memory, a.c.Grace > 0)
	if !p.post(a.w.conn, a.id, a.w.head, a.c.In) {
		return false
	}
	bound := quickBound + time.Duration(len(a.c.In)) // a large one takes its time, less than 1 ns a byte
	for _, limit := range [...]time.Duration{a.c.Timeout, a.c.Idle} {
		if limit > 0 {
			bound = min(bound, limit)
		}
	}
	p.await(bound)
	switch phase, begun := p.close(); {
	case phase == done:
		a.pageReply()
	case phase == left && begun:
		a.pageStart()
	case phase == left:
		// KindStarted will come.
	default:
		a.garbled(wire.ErrGarbled)
	}
	return true
}

// pageReply takes the reply from the page.
func (a *attempt) pageReply() {
	f, err := a.w.conn.Take(a.w.page.reply)
	if err != nil || f.Call != a.id {
		a.garbled(wire.ErrGarbled)
		return
	}
	switch f.Kind {
	case wire.KindDone, wire.KindError, wire.KindPanic, wire.KindRefused:
	default:
		a.garbled(wire.ErrGarbled)
		return
	}
	m, _, err := wire.CutMeter(f.Payload)
	if err != nil {
		a.garbled(wire.ErrGarbled)
		return
	}
	now := time.Now()
	a.start(within(now.Add(-m.Wall), a.posted, now), a.end.Before)
	a.reply(f, now)
}

// pageStart takes the start from the page.
func (a *attempt) pageStart() {
	began, before := a.w.page.account()
	e := a.w.epoch
	a.start(within(e.at.Add(time.Duration(began-e.mono)), a.posted, time.Now()), before)
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

// timer is what an attempt asks of an alarm.
type timer interface {
	Reset(time.Duration) bool
	Stop() bool
}
