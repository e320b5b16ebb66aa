package cutoff

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cutoff-run/cutoff/internal/codec"
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
	defer c.recycle()
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

// prepare checks all that can be checked before the call waits for a worker, and
// has the pool know of it.
func (f *Func[In, Out]) prepare(ctx context.Context, pool *Pool, in In) (*invocation, error) {
	c, err := f.build(ctx, pool, in)
	if err == nil {
		err = pool.e.enter(c)
	}
	return c, err
}

// build makes a call that the pool does not know of yet.
func (f *Func[In, Out]) build(ctx context.Context, pool *Pool, in In) (*invocation, error) {
	if pool == nil || pool.e == nil {
		return nil, fmt.Errorf("cutoff: call of %q on a nil Pool: build one with NewPool", f.f.name)
	}
	if pool.invalid != nil {
		return nil, pool.invalid
	}
	b, err := encode(in)
	if err != nil {
		return nil, &EncodeError{Func: f.f.name, Direction: "input", Type: fmt.Sprintf("%T", in), Err: err}
	}
	c := newInvocation()
	c.e, c.f, c.in, c.limits, c.ctx = pool.e, f.f, b, pool.limits, ctx
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
