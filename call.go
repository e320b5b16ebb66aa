package cutoff

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cutoff-run/cutoff/internal/codec"
	"github.com/cutoff-run/cutoff/internal/wire"
	"github.com/cutoff-run/cutoff/internal/worker"
)

// Call runs the function with in in one of the pool's workers and waits for
// it. The pool's Limits bound the run; ctx bounds all of it, the wait for a
// worker included, and canceling ctx stops the function.
//
// The error is nil if the function returned without one, and else a
// *FuncError, *CutoffError, *CrashError, *CanceledError or *EncodeError,
// ErrPoolClosed or ErrNotRegistered, or says why no worker could be started. If
// the call was cut off or canceled, or crashed, the value is the best that the
// function had handed to [Report] until then.
func (f *Func[In, Out]) Call(ctx context.Context, pool *Pool, in In) (Out, error) {
	c, err := f.prepare(ctx, pool, in)
	if err != nil {
		var none Out
		return none, err
	}
	c.run()
	return decodeOut[Out](c)
}

// Start is Call without the wait. The error says that the call was not even
// accepted: the input cannot be encoded, or the pool is closed. An input of
// type []byte is not copied: leave it alone until the call has ended.
func (f *Func[In, Out]) Start(ctx context.Context, pool *Pool, in In) (*Call[Out], error) {
	ctx, cancel := context.WithCancelCause(ctx)
	inv, err := f.prepare(ctx, pool, in)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	c := &Call[Out]{inv: inv, terminate: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		inv.run()
		cancel(nil)
		c.out, c.err = decodeOut[Out](inv)
	}()
	return c, nil
}

// prepare checks all that can be checked before the call waits for a worker.
func (f *Func[In, Out]) prepare(ctx context.Context, pool *Pool, in In) (*invocation, error) {
	if pool == nil || pool.e == nil {
		return nil, fmt.Errorf("cutoff: call of %q on a nil Pool: build one with NewPool", f.f.name)
	}
	if err := pool.limits.check(); err != nil {
		return nil, err
	}
	b, err := encode(in)
	if err != nil {
		return nil, &EncodeError{Func: f.f.name, Direction: "input", Type: fmt.Sprintf("%T", in), Err: err}
	}
	c := &invocation{e: pool.e, f: f.f, in: b, limits: pool.limits, ctx: ctx, kill: make(chan struct{})}
	if err := pool.e.enter(c); err != nil {
		return nil, err
	}
	return c, nil
}

// decodeOut turns what arrived into what the caller gets.
func decodeOut[Out any](c *invocation) (Out, error) {
	var out Out
	if c.out == nil {
		return out, c.err
	}
	if err := codec.Decode(*c.out, &out); err != nil {
		return out, errors.Join(c.err, &EncodeError{Func: c.f.name, Direction: "result", Type: c.f.out.String(), Err: err})
	}
	return out, c.err
}

// Call is a function call under way; see [Func.Start]. Its methods may be used
// by any number of goroutines.
type Call[Out any] struct {
	inv       *invocation
	terminate context.CancelCauseFunc
	done      chan struct{}
	out       Out // these two are written before done is closed
	err       error
}

// PID returns the process that runs the call, or 0 while it waits for a worker.
func (c *Call[Out]) PID() int { return int(c.inv.pid.Load()) }

// Done is closed when the call has ended and its process, if it was killed, is
// gone.
func (c *Call[Out]) Done() <-chan struct{} { return c.done }

// Wait waits for the end and returns what [Func.Call] would have.
func (c *Call[Out]) Wait() (Out, error) {
	<-c.done
	return c.out, c.err
}

// Join waits for the end, at most d, and reports whether it came. It stops
// nothing.
func (c *Call[Out]) Join(d time.Duration) bool { return join(c.done, d) }

// join reports whether done is closed within d.
func join(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	default:
	}
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// Alive reports whether the call has not ended yet.
func (c *Call[Out]) Alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// Terminate stops the call as canceling its context would: politely, then by
// force after Limits.Grace. It does not wait.
func (c *Call[Out]) Terminate() { c.terminate(errTerminated) }

// Kill kills the call's process. It does not wait.
func (c *Call[Out]) Kill() {
	c.inv.end(errKilled)
	c.terminate(errKilled)
}

// Result returns the record of the attempt; the zero Result while it runs.
func (c *Call[Out]) Result() Result {
	if c.Alive() {
		return Result{}
	}
	return c.inv.result
}

// invocation is a call without its types, from its submission to its end.
type invocation struct {
	e      *engine
	f      *function
	in     []byte
	limits Limits
	ctx    context.Context
	number uint64
	pid    atomic.Int64

	kill     chan struct{} // closed by end
	killOnce sync.Once
	cause    error // why kill was closed

	// The ending, complete when run returns.
	result Result
	err    error
	out    *[]byte // encoded; nil if there is none
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
		end := m.Do(worker.Call{
			Func: c.f.name, In: c.in,
			Timeout: c.limits.Timeout, Grace: c.limits.Grace, Idle: c.limits.Idle,
			Stop: c.ctx.Done(), Kill: c.kill,
			Started: c.started, Beat: c.beat,
		})
		c.e.release(m, c.e.judge(end))
		if end.Started.IsZero() && !end.Canceled && try < dispatches {
			c.pid.Store(0)
			continue
		}
		c.conclude(m, end)
		return
	}
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

// judge says what becomes of the worker after a call. A worker whose function
// panicked may hold locks and half-changed state for ever, one with goroutines
// left over may do anything during the next call; nobody can know that it is
// safe to go on, so it does not.
func (e *engine) judge(end worker.Ending) fate {
	switch {
	case end.Gone:
		return dead
	case end.Reply == wire.KindPanic, end.Meter.Goroutines > 0,
		e.opts.MaxMemory > 0 && end.Meter.MaxRSS > e.opts.MaxMemory:
		return recycle
	}
	return keep
}

// conclude turns the worker's account into result, error and value.
func (c *invocation) conclude(m *member, end worker.Ending) {
	limit := limitOutcome[end.Limit]
	c.result = Result{
		Outcome: decide(ending{
			started:  !end.Started.IsZero(),
			limit:    limit,
			canceled: end.Canceled,
			answer:   answerOf(end),
		}),
		PID:         m.PID(),
		Attempt:     1,
		Started:     end.Started,
		User:        end.Meter.User,
		System:      end.Meter.System,
		MaxRSS:      end.Meter.MaxRSS,
		ExitCode:    -1,
		Overshoot:   end.Overshoot,
		Leaked:      end.Meter.Goroutines + end.Leaked,
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
	c.explain(m, end)
}

var limitOutcome = map[worker.Limit]Outcome{
	worker.NoLimit: "", worker.TimeoutLimit: Timeout, worker.IdleLimit: Idle,
}

// answerOf says what the attempt itself had to say.
func answerOf(end worker.Ending) answer {
	switch end.Reply {
	case wire.KindDone:
		return answerDone
	case wire.KindError, wire.KindRefused:
		if end.Asked {
			return answerStopped
		}
		return answerFailed
	case wire.KindPanic:
		if !end.Asked {
			return answerDied
		}
	default:
		ownDeath := end.Gone && !end.Stuck && end.Status.SignalName() != "SIGKILL" || end.Broken != nil
		if ownDeath && !end.Asked {
			return answerDied
		}
	}
	return noAnswer
}

// died fills in what only the process's end tells. Its processor times are
// the worker's, less what it had used when its last call ended.
func (c *invocation) died(end worker.Ending) {
	s := end.Status
	c.result.User, c.result.System = s.User-end.Before.User, s.System-end.Before.System
	c.result.MaxRSS = max(s.MaxRSS, end.Before.MaxRSS)
	c.result.ExitCode, c.result.Signal, c.result.CoreDumped = s.ExitCode, s.SignalName(), s.CoreDumped
}

// explain completes the call with its value and its error.
func (c *invocation) explain(m *member, end worker.Ending) {
	r := c.result
	if end.HasBest {
		c.out = &end.Best
	}
	switch r.Outcome {
	case OK:
		c.out = &end.Body
	case Failed:
		c.out = nil
		c.err = c.failure(end)
	case Timeout:
		c.err = &CutoffError{Outcome: Timeout, Limit: c.limits.Timeout, Result: r}
	case Idle:
		c.err = &CutoffError{Outcome: Idle, Limit: c.limits.Idle, Result: r}
	case Canceled:
		c.err = &CanceledError{Cause: c.canceledBy(), Result: r}
	case NotStarted:
		c.err = &CrashError{Reason: fmt.Sprintf("the worker ended with %v before it took the call up", end.Status), Result: r}
		if end.Canceled {
			c.err = &CanceledError{Cause: c.canceledBy(), Result: r}
		}
	default:
		c.err = c.crash(m, end)
	}
}

// canceledBy is why the caller's side ended the call.
func (c *invocation) canceledBy() error {
	select {
	case <-c.kill:
		return c.cause
	default:
		return context.Cause(c.ctx)
	}
}

// failure is the error of a function that returned one, or whose input or
// result could not be converted.
func (c *invocation) failure(end worker.Ending) error {
	if end.Reply == wire.KindRefused {
		var r wire.Refusal
		if err := codec.Decode(end.Body, &r); err != nil {
			return fmt.Errorf("cutoff: unreadable refusal: %w", err)
		}
		if r.Unknown {
			return fmt.Errorf("%w: %q: register it in a package-level variable, in every process alike", ErrNotRegistered, c.f.name)
		}
		return &EncodeError{Func: c.f.name, Direction: r.Direction, Type: r.Type, Err: errors.New(r.Message)}
	}
	var w wire.Error
	if err := codec.Decode(end.Body, &w); err != nil || len(w.Chain) == 0 {
		return fmt.Errorf("cutoff: unreadable error of %q: %w", c.f.name, err)
	}
	e := &FuncError{Message: w.Chain[0].Message, Type: w.Chain[0].Type, Result: c.result}
	for _, l := range w.Chain {
		e.Chain = append(e.Chain, ErrorLink(l))
	}
	for _, name := range w.Sentinels {
		if s := registry.byName[name]; s != nil {
			e.sentinels = append(e.sentinels, s)
		}
	}
	return e
}

// lastWords is what the Go runtime of the worker said first when it died.
func (m *member) lastWords(end worker.Ending) string {
	m.drain()
	first, _, _ := strings.Cut(end.Crash, "\n")
	switch fatal := m.stderr.fatal(); {
	case fatal != "":
		return fatal
	case strings.HasPrefix(first, "panic: "), strings.HasPrefix(first, "SIG"):
		return first
	}
	return fmt.Sprintf("the worker's runtime died with %v", end.Status)
}

// crash is the error of an attempt that died of itself.
func (c *invocation) crash(m *member, end worker.Ending) error {
	e := &CrashError{}
	switch {
	case end.Reply == wire.KindPanic:
		var p wire.Panic
		if err := codec.Decode(end.Body, &p); err != nil {
			return fmt.Errorf("cutoff: unreadable panic of %q: %w", c.f.name, err)
		}
		e.Panic, e.Reason, c.result.Stack = p.Value, "panic: "+p.Value, p.Stack
		if p.Exit {
			e.Reason = "the function ended its goroutine (runtime.Goexit) without returning"
		}
	case end.Broken != nil:
		e.Reason = end.Broken.Error()
	case end.Crash != "":
		e.Reason = m.lastWords(end)
	default:
		e.Reason = fmt.Sprintf("the worker ended with %v in the middle of the call", end.Status)
		if end.Status.ExitCode == worker.ExitProtocol {
			e.Reason = "the function closed the worker's private descriptors"
		}
	}
	e.Result = c.result
	return e
}
