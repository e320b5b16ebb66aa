package cutoff

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Conditions. Each error that a call or a command returns matches at most one
// of ErrTimeout, ErrCPU, ErrMemory, ErrIdle and ErrOutput through errors.Is.
var (
	// ErrTimeout: Limits.Timeout passed and the attempt was stopped. An error
	// that matches it matches context.DeadlineExceeded too.
	ErrTimeout = errors.New("cutoff: took too long")
	// ErrCPU: the attempt used up Limits.CPU and was stopped.
	ErrCPU = errors.New("cutoff: used too much processor time")
	// ErrMemory: the attempt held more than Limits.Memory and was stopped.
	ErrMemory = errors.New("cutoff: used too much memory")
	// ErrIdle: Limits.Idle passed without a sign of life and the attempt was
	// stopped.
	ErrIdle = errors.New("cutoff: gave no sign of life")
	// ErrOutput: the attempt wrote more than Limits.Output and was stopped.
	ErrOutput = errors.New("cutoff: wrote too much output")
	// ErrNoInit: the worker process never reported for work, most likely
	// because the program's main does not call Init first.
	ErrNoInit = errors.New("cutoff: the worker process did not report for work: call cutoff.Init() as the first statement of main (and of TestMain), before flags are parsed or anything is printed")
	// ErrPoolClosed: the pool was closed before the call could start.
	ErrPoolClosed = errors.New("cutoff: the pool is closed")
	// ErrNotRegistered: the worker process does not know the function.
	ErrNotRegistered = errors.New("cutoff: function not registered in the worker process")
)

// CutoffError says that a limit stopped the attempt.
type CutoffError struct {
	// Outcome names the limit: Timeout, CPU, Memory, Idle or Output.
	Outcome Outcome
	// Limit is the value that was exceeded, if it is a time: for Timeout, CPU
	// and Idle.
	Limit time.Duration
	// Bytes is the value that was exceeded, if it is a size: for Memory and
	// Output. Zero for Memory means that the machine ran out of it.
	Bytes int64
	// Result is the complete record of the attempt.
	Result Result
}

// Error implements error.
func (e *CutoffError) Error() string {
	switch e.Outcome {
	case CPU:
		return fmt.Sprintf("cutoff: used too much processor time: stopped at its limit of %v", e.Limit)
	case Memory:
		if e.Bytes == 0 {
			return "cutoff: used too much memory: killed by the kernel because the machine ran out of it"
		}
		return fmt.Sprintf("cutoff: used too much memory: stopped at its limit of %s", bytesText(e.Bytes))
	case Idle:
		return fmt.Sprintf("cutoff: gave no sign of life for %v: stopped after %v", e.Limit, round(e.Result.Wall))
	case Output:
		return fmt.Sprintf("cutoff: wrote too much output: stopped at its limit of %s", bytesText(e.Bytes))
	}
	return fmt.Sprintf("cutoff: took too long: stopped at its limit of %v", e.Limit)
}

// Is makes the error match its limit's sentinel, and a timeout
// context.DeadlineExceeded as well.
func (e *CutoffError) Is(target error) bool {
	switch target {
	case ErrTimeout, context.DeadlineExceeded:
		return e.Outcome == Timeout
	case ErrCPU:
		return e.Outcome == CPU
	case ErrMemory:
		return e.Outcome == Memory
	case ErrIdle:
		return e.Outcome == Idle
	case ErrOutput:
		return e.Outcome == Output
	}
	return false
}

// newCutoffError is the error of an attempt that a limit stopped.
func newCutoffError(l Limits, r Result) *CutoffError {
	e := &CutoffError{Outcome: r.Outcome, Result: r}
	switch r.Outcome {
	case Timeout:
		e.Limit = l.Timeout
	case CPU:
		e.Limit = l.CPU
	case Idle:
		e.Limit = l.Idle
	case Output:
		e.Bytes = l.Output
	case Memory:
		if r.MemoryBy != ByMachine {
			e.Bytes = l.Memory
		}
	}
	return e
}

// CrashError says that the attempt died of itself: by a signal, a panic, a
// fatal error of the runtime, or an exit in the middle of a call.
type CrashError struct {
	// Reason says in words what happened.
	Reason string
	// Panic is the text of the panic's value; empty if there was no panic.
	// The stack is in Result.Stack.
	Panic string
	// Result is the complete record of the attempt.
	Result Result
}

// Error implements error.
func (e *CrashError) Error() string { return "cutoff: crashed: " + e.Reason }

// ExitError says that a command exited with a status other than zero.
type ExitError struct {
	// Result is the complete record of the attempt.
	Result Result
}

// Error implements error.
func (e *ExitError) Error() string {
	return fmt.Sprintf("cutoff: command exited with status %d", e.Result.ExitCode)
}

// CanceledError says that the caller ended the attempt: through its context,
// through Kill or Terminate, or by closing the pool.
type CanceledError struct {
	// Cause is the context's cause, or what else ended it. The error unwraps
	// to it.
	Cause error
	// Result is the complete record of the attempt; its Outcome is NotStarted
	// if the attempt never ran.
	Result Result
}

// Error implements error.
func (e *CanceledError) Error() string {
	if e.Result.Outcome == NotStarted {
		return fmt.Sprintf("cutoff: not started: %v", e.Cause)
	}
	return fmt.Sprintf("cutoff: canceled after %v: %v", round(e.Result.Wall), e.Cause)
}

// Unwrap returns the cause.
func (e *CanceledError) Unwrap() error { return e.Cause }

// errKilled and errTerminated are the causes of a CanceledError whose attempt
// was ended by hand.
var (
	errKilled     = errors.New("killed by the caller")
	errTerminated = errors.New("terminated by the caller")
)

// round shortens a duration for messages.
func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

// FuncError is the error that a function returned, as far as it can travel:
// messages, types, and through Unwrap the registered errors that it matched
// in the worker (see RegisterError).
type FuncError struct {
	// Message is what the error's Error method said.
	Message string
	// Type is the name of its Go type.
	Type string
	// Chain is the error and all that it wraps, depth first.
	Chain []ErrorLink
	// Result is the complete record of the attempt.
	Result Result

	sentinels []error
}

// ErrorLink is one error of a chain.
type ErrorLink struct {
	Type, Message string
}

// Error returns the message of the function's error, unchanged.
func (e *FuncError) Error() string { return e.Message }

// Unwrap returns the registered errors that the error matched.
func (e *FuncError) Unwrap() []error { return e.sentinels }

// EncodeError says that a value could not be converted on its way to or from
// the worker. The function has not run if Direction is "input".
type EncodeError struct {
	// Func is the name of the function.
	Func string
	// Direction is what could not be converted: "input", "result" or "report".
	Direction string
	// Type is the Go type of the value.
	Type string
	// Err is the codec's error.
	Err error
}

// Error implements error.
func (e *EncodeError) Error() string {
	return fmt.Sprintf("cutoff: %s of %q: a value of type %s cannot be sent between processes: %v", e.Direction, e.Func, e.Type, e.Err)
}

// Unwrap returns the codec's error.
func (e *EncodeError) Unwrap() error { return e.Err }
