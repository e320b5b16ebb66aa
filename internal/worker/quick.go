package worker

// This file runs in the program that owns the pool.

import (
	"time"

	"github.com/cutoff-run/cutoff/internal/deadline"
	"github.com/cutoff-run/cutoff/internal/wire"
)

// quickBound is how long a caller waits at the page. Until then it hears of no
// cancellation and of no death, only of the reply and of its deadline.
const quickBound = 250 * time.Microsecond

// rowBound is how long a caller waits for a row of several.
const rowBound = time.Millisecond

// rowLimit is the shortest limit that a call in a row may have. When the caller
// looks whether it has passed, the row has been under way for rowBound.
const rowLimit = 4 * rowBound

// rowInput is up to what size an input lets others into its row.
const rowInput = 4 << 10

// Begin begins calls, as many of them as make a row at the page, and returns
// how many of them have ended there, the first ones; ends has room for the
// endings. If under is true, the one behind them has begun or is about to, and
// Finish must be called for it. All others have not begun.
//
// Only calls that are very short gain from it. Those behind one that is not
// have been kept waiting for a millisecond at most.
func (w *Worker) Begin(calls []Call, ends []Ending) (n int, under bool) {
	laid := w.lay(calls)
	if laid == 0 {
		w.calls++
		w.attempt = attempt{w: w, c: calls[0], id: w.calls}
		return 0, true
	}
	first, posted := w.calls+1, time.Now()
	w.calls += uint64(laid)
	p := w.page
	p.post()
	bound := rowBound
	if laid == 1 {
		bound = quickWait(calls[0])
	}
	p.await(bound)
	n, under, begun, ok := p.close()
	if !ok { // any of them may have begun
		return w.ruin(first, posted, calls[:laid], ends), false
	}
	for i := range n {
		if !w.takeReply(first+uint64(i), &ends[i]) {
			settle(calls, ends[:i], posted, time.Now())
			return i + w.ruin(first+uint64(i), posted, calls[i:min(n+1, laid)], ends[i:]), false
		}
	}
	until := time.Now()
	if under {
		w.attempt = attempt{w: w, c: calls[n], id: first + uint64(n), posted: posted}
		if begun {
			w.attempt.pageStart()
			until = w.attempt.end.Started
		}
	}
	settle(calls, ends[:n], posted, until)
	if !under {
		p.trim(len(calls[0].In), len(ends[n-1].Body)) // only these can lie in the areas
	}
	return n, under
}

// lay lays down the requests that make a row, and returns how many. A call for
// which more is to be seen than its reply has one of its own.
func (w *Worker) lay(calls []Call) int {
	if w.page == nil {
		return 0
	}
	for i, c := range calls {
		if c.CPU > 0 || c.Memory > 0 { // these are measured from before the start
			return i
		}
		if i > 0 && (!c.joins() || !calls[i-1].joins()) {
			return i
		}
		w.head = wire.AppendCallHead(w.head[:0], c.Func, c.Timeout, c.Memory, c.Grace > 0)
		if !w.page.lay(w.conn, w.calls+uint64(i)+1, w.head, c.In) {
			return i
		}
	}
	return len(calls)
}

// joins reports whether the call may be in a row with others.
func (c *Call) joins() bool {
	long := func(limit time.Duration) bool { return limit <= 0 || limit >= rowLimit }
	return len(c.In) <= rowInput && long(c.Timeout) && long(c.Idle) && c.Full == nil && c.Started == nil && c.Beat == nil
}

// quickWait is how long the caller waits at the page for a call alone.
func quickWait(c Call) time.Duration {
	d := quickBound + time.Duration(len(c.In)) // a large one takes its time, less than 1 ns a byte
	for _, limit := range [...]time.Duration{c.Timeout, c.Idle} {
		if limit > 0 {
			d = min(d, limit)
		}
	}
	return d
}

// takeReply takes the next reply from the page. It reports false if there is
// none that makes sense.
func (w *Worker) takeReply(call uint64, end *Ending) bool {
	f, err := w.page.takeReply(w.conn)
	if err != nil || f.Call != call {
		return false
	}
	switch f.Kind {
	case wire.KindDone, wire.KindError, wire.KindPanic, wire.KindRefused:
	default:
		return false
	}
	m, body, err := wire.CutMeter(f.Payload)
	*end = Ending{Reply: f.Kind, Meter: m, Body: body}
	return err == nil
}

// settle fills in when each of the calls ran that have replied at the page: the
// worker says how long each took, and they ran one behind the other.
func settle(calls []Call, ends []Ending, posted, until time.Time) {
	for i := len(ends) - 1; i >= 0; i-- {
		c, end := &calls[i], &ends[i]
		end.Started, end.Ended = within(until.Add(-end.Meter.Wall), posted, until), until
		until = end.Started
		for _, limit := range [...]time.Duration{c.Timeout, c.Idle} {
			if over := end.Ended.Sub(end.Started) - limit; limit > 0 {
				end.Overshoot = max(end.Overshoot, over)
			}
		}
		if end.Overshoot > 0 {
			var none deadline.Stall
			end.Stalled = none.Total(end.Started, end.Ended, end.Overshoot)
		}
	}
	for i := range ends {
		if told := calls[i].Started; told != nil {
			told(ends[i].Started)
		}
	}
}

// ruin ends a worker whose page makes no sense. What is wrong with it ends all
// the calls that may have begun since.
func (w *Worker) ruin(call uint64, posted time.Time, calls []Call, ends []Ending) int {
	a := &w.attempt
	*a = attempt{w: w, c: calls[0], id: call, posted: posted}
	a.garbled(wire.ErrGarbled)
	end := w.Finish()
	for i := range calls {
		ends[i] = end
	}
	return len(calls)
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
