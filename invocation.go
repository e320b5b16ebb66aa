package cutoff

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cutoff-run/cutoff/internal/outcome"
	"github.com/cutoff-run/cutoff/internal/wire"
	"github.com/cutoff-run/cutoff/internal/worker"
)

// invocation is a call without its types, from its submission to its end.
type invocation struct {
	e      *engine
	f      *function
	in     []byte
	limits Limits
	ctx    context.Context
	number uint64
	place  int // among the engine's running calls
	pid    atomic.Int64

	kill     chan struct{} // closed by end
	killOnce sync.Once
	cause    error // why kill was closed

	printed int64 // what it wrote, if there is a limit to that

	// The ending, complete when run returns.
	result Result
	err    error
	out    *[]byte // encoded; nil if there is none
	value  []byte  // where out points to
}

// end kills the call for a cause of ours, at any time.
func (c *invocation) end(cause error) {
	c.killOnce.Do(func() {
		c.cause = cause
		close(c.kill)
	})
}

// dispatches bounds how often a call is given to a worker. Only a call that
// was not taken up is given to another: it has not run.
const dispatches = 3

// run carries the call to its end.
func (c *invocation) run() {
	defer c.e.leave(c)
	for try := 1; ; try++ {
		m, err := c.acquire()
		if err != nil {
			c.neverStarted(err)
			return
		}
		c.pid.Store(int64(m.PID()))
		end := m.Do(c.call(m.limitOutput(c.limits.Output)))
		c.printed = m.unlimitOutput(c.limits.Output)
		c.e.handBack(m, 1, &end)
		if end.Started.IsZero() && !end.Canceled && try < dispatches {
			c.pid.Store(0)
			continue
		}
		c.conclude(m, &end)
		return
	}
}

// call is what a worker is told. full is closed when it has written too much.
func (c *invocation) call(full <-chan struct{}) worker.Call {
	call := worker.Call{
		Func: c.f.name, In: c.in,
		Timeout: c.limits.Timeout, Grace: c.limits.Grace, Idle: c.limits.Idle,
		CPU: c.limits.CPU, Memory: c.limits.Memory, Full: full,
		Stop: c.ctx.Done(), Kill: c.kill,
	}
	if c.e.opts.OnEvent != nil {
		call.Started, call.Beat = c.started, c.beat
	}
	return call
}

func (c *invocation) acquire() (*member, error) {
	if c.ctx.Err() != nil {
		return nil, context.Cause(c.ctx)
	}
	return c.e.acquire(c.ctx)
}

func (c *invocation) started(time.Time) {
	c.e.event(Event{Kind: CallStarted, PID: int(c.pid.Load()), Func: c.f.name, Call: c.number})
}

func (c *invocation) beat(progress float64) {
	c.e.event(Event{Kind: CallBeat, PID: int(c.pid.Load()), Func: c.f.name, Call: c.number, Progress: progress})
}

// neverStarted ends a call that no worker took up. Only what the caller did
// is a cancellation; a pool that has no worker to offer has an error of its
// own to tell.
func (c *invocation) neverStarted(err error) {
	c.result = notStarted
	c.err = err
	if c.ctx.Err() != nil || errors.Is(err, ErrPoolClosed) {
		c.err = &CanceledError{Cause: err, Result: c.result}
	}
}

// handBack gives a worker back after some calls, of which this is how the last
// ended.
func (e *engine) handBack(m *member, calls int, end *worker.Ending) {
	if e.opts.Leftovers == LeaveLeftovers {
		end.Meter.Processes = 0
	}
	e.release(m, calls, e.judge(end))
	if end.Meter.Processes > 0 {
		m.Kill() // the worker is to be replaced: they are not to live as long as it
	}
}

// judge says what becomes of the worker after a call. A worker whose function
// panicked may hold locks and half-changed state for ever, one with goroutines
// left over may do anything during the next call; nobody can know that it is
// safe to go on, so it does not.
func (e *engine) judge(end *worker.Ending) fate {
	switch {
	case end.Gone:
		return dead
	case end.Reply == wire.KindPanic, end.Meter.Goroutines > 0, end.Meter.Processes > 0,
		e.opts.MaxMemory > 0 && end.Meter.MaxRSS > e.opts.MaxMemory:
		return recycle
	}
	return keep
}

// conclude turns the worker's account into result, error and value.
func (c *invocation) conclude(m *member, end *worker.Ending) {
	limit := limitOutcome[end.Limit]
	c.result = Result{
		Outcome: decide(outcome.Ending{
			Started:  !end.Started.IsZero(),
			Function: true,
			Limit:    string(limit),
			Canceled: end.Canceled,
			Asked:    end.Asked,
			Reply:    replyOf[end.Reply],
			Broken:   end.Broken != nil,
			Death:    workerDeath(end),
			OOM:      outcome.OOMOf(end.OOM.Own, end.OOM.Elsewhere),
		}),
		PID:         m.PID(),
		Attempt:     1,
		Started:     end.Started,
		User:        end.Meter.User,
		System:      end.Meter.System,
		MaxRSS:      end.Meter.MaxRSS,
		ExitCode:    -1,
		Overshoot:   end.Overshoot,
		Stalled:     end.Stalled,
		OutputBytes: c.printed,
		Leaked:      leakedBy(end),
		Containment: m.Containment(),
		Stack:       end.Crash,
	}
	if c.result.Outcome == NotStarted {
		c.result = notStarted
	} else {
		c.result.Wall = end.Ended.Sub(end.Started)
		if end.Gone && end.Reply == 0 {
			c.died(end)
		}
	}
	if c.result.Outcome == Memory {
		c.result.MemoryBy = memoryBy(stoppedForMemory(end), end.OOM)
	}
	if c.result.Outcome.CutOff() {
		c.result.Stack = end.Stack
	}
	c.explain(m, end)
}

var limitOutcome = [...]Outcome{
	worker.NoLimit: "", worker.TimeoutLimit: Timeout, worker.IdleLimit: Idle,
	worker.CPULimit: CPU, worker.MemoryLimit: Memory, worker.OutputLimit: Output,
}

// replyOf says what the function had to say; nothing, if its worker died first.
var replyOf = [...]outcome.Reply{
	wire.KindDone: outcome.Result, wire.KindError: outcome.Error,
	wire.KindRefused: outcome.Error, wire.KindPanic: outcome.Panic,
}

// workerDeath says how the worker ended, if it did.
func workerDeath(end *worker.Ending) outcome.Death {
	if !end.Gone || end.Stuck {
		return outcome.NotEnded
	}
	return deathOf(end.Status)
}

// leakedBy counts what the call left behind. Of a worker that we killed there
// is no telling what it would have left.
func leakedBy(end *worker.Ending) int {
	n := end.Meter.Goroutines + end.Meter.Processes
	if end.Reply == 0 && end.Limit == worker.NoLimit && !end.Canceled {
		n += end.Leaked
	}
	return n
}

// stoppedForMemory says on whose word we stopped the call for its memory; ""
// if we did not.
func stoppedForMemory(end *worker.Ending) MemoryBy {
	switch {
	case end.Limit != worker.MemoryLimit:
		return ""
	case end.ByKernel:
		return ByKernel
	}
	return ByWatch
}

// died fills in what only the process's end tells. Its processor times are
// the worker's, less what it had used when its last call ended.
func (c *invocation) died(end *worker.Ending) {
	s := end.Status
	c.result.User, c.result.System = s.User-end.Before.User, s.System-end.Before.System
	c.result.MaxRSS = max(s.MaxRSS, end.Before.MaxRSS)
	c.result.ExitCode, c.result.Signal, c.result.CoreDumped = s.ExitCode, s.SignalName(), s.CoreDumped
}
