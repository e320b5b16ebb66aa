package cutoff

import (
	"time"

	"github.com/cutoff-run/cutoff/internal/worker"
)

// A row is very short calls of one pool that a worker gets together, since to
// tell it of a call takes longer than the call. Each has its own limits and its
// own outcome all the same: docs/design/2026-11-22-shared-page.md says how.
type row struct {
	calls []worker.Call
	ends  []worker.Ending
	took  time.Duration // the last one, if all of its calls have ended at once
}

const (
	// rowMax is how many calls a row has at most.
	rowMax = 512
	// rowTime is how long a row is to take. If one takes 1 ms, those of its calls
	// that have not begun are given to another worker.
	rowTime = 400 * time.Microsecond
)

// mayRow reports whether the pool's calls may come in rows. Where something is
// to be seen or measured between two calls, they may not.
func (e *engine) mayRow(l Limits) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.paged && e.opts.OnEvent == nil && e.opts.MaxMemory == 0 && l.CPU == 0 && l.Memory == 0 && l.Output == 0
}

// run gives the calls to a worker and carries the first ones to their end; it
// returns how many. The others have not begun. As soon as it is known which
// these are, early is told how many have ended and how many have begun; it must not
// wait for anybody if these are not the same.
func (r *row) run(cs []*invocation, early func(ended, begun int)) int {
	e := cs[0].e
	m, err := cs[0].acquire()
	if err != nil {
		cs[0].neverStarted(err)
		e.leave(cs[0])
		early(1, 1)
		return 1
	}
	r.calls = r.calls[:0]
	for _, c := range cs[:e.callsLeft(m, len(cs))] {
		c.pid.Store(int64(m.PID()))
		r.calls = append(r.calls, c.call(nil))
	}
	if len(r.ends) < len(r.calls) {
		r.ends = make([]worker.Ending, len(r.calls))
	}
	n, under := m.Begin(r.calls, r.ends)
	if !under {
		r.took = r.ends[n-1].Ended.Sub(r.ends[0].Started)
		e.handBack(m, n, &r.ends[n-1])
		conclude(m, cs[:n], r.ends)
		early(n, n)
		return n
	}
	conclude(m, cs[:n], r.ends)
	early(n, n+1)
	end := m.Finish()
	e.handBack(m, n+1, &end)
	if end.Started.IsZero() && !end.Canceled {
		return n // it has not run: another worker may
	}
	r.ends[0] = end
	conclude(m, cs[n:n+1], r.ends)
	return n + 1
}

// conclude ends calls of a row.
func conclude(m *member, cs []*invocation, ends []worker.Ending) {
	if len(cs) == 0 {
		return
	}
	for i, c := range cs {
		c.conclude(m, &ends[i])
	}
	cs[0].e.leave(cs...)
}
