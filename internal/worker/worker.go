// Package worker holds both ends of one worker: a child process that serves
// function calls, one at a time. parent.go, attempt.go and stack.go run in the
// program that owns the pool, child.go and answer.go in the worker process.
// What they say to each other is described in package wire.
//
// A call that is small and soon over goes over a page of memory instead:
// page.go says how, quick.go is the pool's part of it and child_page.go the
// worker's.
//
// The child keeps no clock and no limit of its own: whatever could stop
// working together with the user's function must not be what guards it.
package worker

import (
	"context"
	"errors"
	"fmt"
)

// Program is what a program offers to its workers' calls. Both ends are the
// same binary.
type Program struct {
	// Fingerprint tells one build of the program from another.
	Fingerprint []byte
	// Lookup finds a registered function by its name.
	Lookup func(name string) (Function, bool)
	// Sentinels names the registered errors that an error matches, given as
	// its chain: the error and all that it wraps.
	Sentinels func(chain []error) []string
}

// Function is a registered function behind its codec. An error that is a
// *ConvertError is the codec's, any other the user's function's own.
type Function func(ctx context.Context, in []byte) (out []byte, err error)

// ConvertError says that a value could not be encoded or decoded.
type ConvertError struct {
	Direction string // "input", "result" or "report"
	Type      string
	Err       error
}

// Error implements error.
func (e *ConvertError) Error() string {
	return fmt.Sprintf("cannot convert %s of type %s: %v", e.Direction, e.Type, e.Err)
}

// Unwrap returns the codec's error.
func (e *ConvertError) Unwrap() error { return e.Err }

// Errors of Start, wrapped with what else is known.
var (
	// ErrSilent: the process ended, or its time ran out, before it said hello.
	ErrSilent = errors.New("the process did not report as a worker")
	// ErrOtherProgram: the process is another build of the program.
	ErrOtherProgram = errors.New("the worker runs another build of the program")
	// ErrAborted: Config.Abort was closed before it said hello.
	ErrAborted = errors.New("the start was given up")
)

// The descriptors of the worker beyond the standard streams.
const (
	fdRequests = 3 + iota // pipe, read end: requests; its end asks the worker to exit
	fdReplies             // pipe, write end: replies
	fdAlive               // pipe, read end: nothing ever comes; its end means that the parent is gone
	fdAsk                 // pipe, read end: calls whose stack is wanted; its end, too, means that the parent is gone
	fdCrash               // file: what the Go runtime has to say when it dies
	fdPage                // memory shared with the pool; see page.go
	fdEnd
)

// EnvVar is the environment variable that makes a process a worker. Its value
// is the connection's secret in hexadecimal.
const EnvVar = "CUTOFF_WORKER"
