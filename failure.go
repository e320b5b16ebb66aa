package cutoff

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cutoff-run/cutoff/internal/codec"
	"github.com/cutoff-run/cutoff/internal/wire"
	"github.com/cutoff-run/cutoff/internal/worker"
)

// explain completes the call with its value and its error.
func (c *invocation) explain(m *member, end *worker.Ending) {
	r := c.result
	if end.HasBest {
		c.give(end.Best)
	}
	switch r.Outcome {
	case OK:
		c.give(end.Body)
	case Failed:
		c.out = nil
		c.err = c.failure(end)
	case Timeout, CPU, Memory, Idle, Output:
		c.err = newCutoffError(c.limits, r)
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
func (c *invocation) failure(end *worker.Ending) error {
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
func (m *member) lastWords(end *worker.Ending) string {
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
func (c *invocation) crash(m *member, end *worker.Ending) error {
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
