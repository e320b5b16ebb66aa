package batch

import (
	"context"
	"io"
	"time"

	"github.com/cutoff-run/cutoff"
)

// Runner runs attempts of tasks: as commands, on a pool, on other machines.
// It may be called from several goroutines at once.
//
// The suite in batchtest holds a Runner to what is said here.
type Runner interface {
	// Run runs one attempt and returns when it has ended, nothing of it is
	// left, and nothing more will be written to its Stdout and Stderr.
	//
	// The result is complete for every ending and its Outcome is never empty.
	// The error is nil if and only if the outcome is ok, and says why
	// otherwise. If ctx ends the attempt is stopped with all it started; its
	// outcome is canceled, or notstarted if it had not begun.
	Run(ctx context.Context, a Attempt) (cutoff.Result, error)
}

// Attempt is one run of a task, as a [Runner] gets it.
type Attempt struct {
	// Task is the work.
	Task Task
	// Seq is the task's number in the batch, from 1 in the order of the input.
	Seq int64
	// Number counts the attempts of the task, from 1.
	Number int
	// Slot is the place the attempt runs in, from 1 to the batch's Slots. No
	// two attempts have one slot at the same time.
	Slot int
	// Limits are what bounds this attempt: the task's over the batch's.
	Limits cutoff.Limits
	// Deadline is when it ends at the latest, by its timeout or with the whole
	// batch, for the task's own information: the Runner keeps to Limits and
	// ctx. The timeout counts from the start in its process, so that it may
	// have some milliseconds more. Zero means that there is no such time.
	Deadline time.Time
	// Stdout and Stderr take the output; they are never nil and their Write
	// never fails. They need not be safe for several goroutines.
	Stdout, Stderr io.Writer
}
