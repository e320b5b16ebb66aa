package batch

import (
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// Options are the rules of a batch. The zero value works.
type Options struct {
	// Slots is how many tasks run at a time. Zero means one for each processor.
	Slots int
	// Resize changes that number while the batch runs: each that it hands over
	// counts from then on, also zero, which lets nothing start. What runs
	// already goes on. Nil means that nobody does.
	Resize <-chan int
	// Delay is the least time between two starts. Zero means none.
	Delay time.Duration
	// Hold is asked right before an attempt starts, by the goroutine that owns
	// the batch: a positive time means not now, and that it will be asked again
	// after that time. Nil means that nothing holds a start up.
	Hold func() time.Duration
	// Limits bound each attempt, where the task does not bring its own. Zero
	// limits are none.
	Limits cutoff.Limits
	// Journal records each attempt, before anybody is told of it. Nil means no
	// journal. Run does not close it.
	Journal *journal.Writer
	// Resume is what earlier runs have done, as [journal.Resume] returns it
	// together with the Writer for Journal. A task that is settled there is
	// not run again: it is passed over, with the outcome that it has. Tasks are
	// told by what they run and their input, and equal ones by their order
	// among themselves, so the input may have been edited in between. An
	// attempt that had no end is made again, under the next number. Nil means
	// a batch that begins.
	Resume *journal.State
	// Ledger remembers which tasks were cut off, over many batches, and keeps
	// them from starting as long as nothing has changed. Run does not close
	// it. Nil means that every task starts.
	Ledger *Ledger
	// Retry lets tasks run again that have not ended well. Zero lets none.
	Retry Retry
	// Passes are the timeouts of further passes over the tasks, each longer
	// than the one before; Limits.Timeout is that of the first, and needed. A
	// task that its timeout has cut off runs again in the next pass, which
	// begins when all tasks of the pass before have started. So the quick ones
	// are done first, and the hopeless ones hold nobody up. Tasks with a
	// timeout of their own have one pass. Some hundred bytes are kept for each
	// task that waits for a pass. Nil means one pass.
	Passes []time.Duration
	// Budget is how long the whole batch may take. At its end what runs is
	// stopped as if the context had ended (the outcome is canceled, since no
	// limit of the task's own has passed), nothing further starts, and Run
	// fails with an error that matches [ErrBudget]. Zero means no end.
	Budget time.Duration
	// Halt are rules that end the batch early; the first that applies counts.
	// Run fails with an error that matches [ErrHalted] then. Nil means none.
	Halt []Halt
	// Stop ends the batch gently: when it hands over an error nothing further
	// starts, what runs is waited for, and Run returns that error. If the batch
	// is ending already, what runs is stopped. Nil means that only ctx ends it.
	Stop <-chan error
	// Stdout and Stderr get the output of the tasks, that of each task's last
	// attempt in one piece when it has ended. Nil discards it. If writing fails the batch
	// ends.
	Stdout, Stderr io.Writer
	// MaxOutput is how many bytes are kept of each of an attempt's two streams,
	// for Stdout and Stderr and in Results: the first and the last half, with a
	// line between them that says how much is missing. For Stdout and Stderr it
	// is rounded up to units of 32 KiB, of which there are two at least. Zero
	// keeps everything. (Limits.Output cuts a task off that writes too much.)
	MaxOutput int64
	// Results is a directory that gets another one for each task, named for its
	// ID and its identity, and in that one for each attempt, named for its
	// number, with what it wrote (stdout, stderr) and how it ended (record.json,
	// a journal's line). If that cannot be written, or an attempt's directory is
	// there already, the batch ends with an error that matches [ErrResults].
	// Empty means none.
	Results string
	// KeepOrder prints in the order of the input instead of the order of the
	// ends. Finished tasks that wait for an earlier one hold 4 MiB in memory at
	// most, the rest in a temporary file; when 65,536 wait, no further task
	// starts until the one they wait for has ended.
	KeepOrder bool
	// Tag puts the task's ID and a tab before each line of output.
	Tag bool
	// Finite says that the input is at hand in full and not worth waiting
	// for. When the batch is stopped, what is left of it is then still read
	// and recorded as notstarted; otherwise it is left unread.
	Finite bool
	// OnEvent is told what happens, after the journal. It runs on the
	// goroutine that owns the batch and holds it up while it runs. Nil tells
	// nobody.
	OnEvent func(Event)
}

func (o *Options) fill() error {
	if o.Slots < 0 {
		return fmt.Errorf("batch: Options.Slots is negative (%d): use a positive number, or zero for one for each processor", o.Slots)
	}
	if o.Slots == 0 {
		o.Slots = runtime.GOMAXPROCS(0)
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	if o.Delay < 0 {
		return fmt.Errorf("batch: Options.Delay is negative (%v): use a positive time, or zero for none", o.Delay)
	}
	if o.MaxOutput < 0 {
		return fmt.Errorf("batch: Options.MaxOutput is negative (%d): use a positive number of bytes, or zero for all", o.MaxOutput)
	}
	if o.Budget < 0 {
		return fmt.Errorf("batch: Options.Budget is negative (%v): use a positive time, or zero for none", o.Budget)
	}
	if err := o.Retry.check(); err != nil {
		return err
	}
	if err := checkPasses(o.Limits.Timeout, o.Passes); err != nil {
		return err
	}
	for i := range o.Halt {
		if err := o.Halt[i].check(); err != nil {
			return err
		}
	}
	return checkLimits(o.Limits)
}

// EventKind says what an [Event] is about.
type EventKind int

const (
	// Started: an attempt is about to start.
	Started EventKind = iota + 1
	// Ended: a task has its outcome. Its last attempt has ended and its output
	// has been handed on, or the task was given up without one (outcome
	// notstarted), or without another one because the batch has stopped.
	Ended
	// Stopping: no further task will start, for the reason in Err, and the
	// attempts that still run are being stopped or waited for.
	Stopping
	// Skipped: the task has been settled by an earlier run and does not run
	// again.
	Skipped
	// Retrying: an attempt has ended, and the task will run again.
	Retrying
)

// Event is something that happened in a batch.
type Event struct {
	Kind EventKind
	// Attempt is the one that started or ended, or for Skipped the last one
	// that an earlier run made; zero for Stopping.
	Attempt Attempt
	// Result is how it ended, for Ended and Retrying. For Skipped it has Outcome, Attempt
	// and Wall alone.
	Result cutoff.Result
	// Err is the runner's error for an attempt that ended, which is nil for
	// the outcome ok, or the reason for Stopping.
	Err error
	// Wait is how long the task waits for its retry, for Retrying.
	Wait time.Duration
	// Running is how many attempts still run, for Stopping, and Now says that
	// they are being stopped; otherwise they are waited for.
	Running int
	Now     bool
	// NextPass says that it was cut off in a pass that has another behind it,
	// for Retrying.
	NextPass bool
}

// Summary is what became of a batch.
type Summary struct {
	// Started and Wall are when the batch started and how long it took.
	Started time.Time
	Wall    time.Duration
	// Tasks is how many tasks were read from the input. Each of them has one
	// outcome.
	Tasks int64
	// Skipped is how many of them earlier runs had settled. What follows
	// counts them with the others.
	Skipped int64
	// Missing is how many tasks earlier runs left without an outcome that are
	// no more in the input. They are none of Tasks. Zero if the batch was
	// stopped before the end of the input.
	Missing int64
	// Hopeless is how many did not start because of Options.Ledger. Their
	// outcome is notstarted.
	Hopeless int64
	// Retries is how many attempts were made beside the first of each task, in
	// this run.
	Retries int64
	// Unretried is how many tasks were to run again, and did not because the
	// batch was stopped. They count with the outcome of their last attempt; a
	// later run that goes on with the journal makes up for them.
	Unretried int64
	// Outcomes counts the tasks by outcome.
	Outcomes map[cutoff.Outcome]int64
	// Time is the wall time of all attempts together, CutOffTime that of the
	// attempts that were cut off.
	Time, CutOffTime time.Duration
}

// CutOff returns how many tasks were cut off.
func (s Summary) CutOff() int64 {
	var n int64
	for o, k := range s.Outcomes {
		if o.CutOff() {
			n += k
		}
	}
	return n
}

// Run runs all tasks and returns when every one of them has its outcome,
// nothing that was started is left, and all output has been written. What
// becomes of a task is no error: see the [Summary], which is valid with an
// error too.
//
// Run fails if
//   - ctx ends: what runs is stopped, and the error wraps the context's cause;
//   - the budget is used up: likewise, and the error matches [ErrBudget];
//   - Options.Stop hands over an error, which ends the intake: what runs is
//     waited for, and Run returns that error;
//   - a rule of Options.Halt applies: what runs is waited for or stopped, as it
//     says, and the error matches [ErrHalted];
//   - tasks yields an error, which ends the input: what runs is waited for,
//     and Run returns that error;
//   - the journal, the output or the results cannot be written: what runs is
//     stopped. An error of the output matches [ErrOutput], one of the results
//     [ErrResults].
//
// The input is read by a goroutine of its own, one task ahead. If Run fails
// while tasks waits for something, Run returns without it.
func Run(ctx context.Context, r Runner, tasks iter.Seq2[Task, error], opts Options) (Summary, error) {
	if err := opts.fill(); err != nil {
		return Summary{}, err
	}
	l := newLoop(ctx, r, opts)
	defer l.spool.close()
	go l.feed(tasks)
	l.loop()
	if l.err == nil {
		l.err = l.spool.err // of the last attempt, when nobody listened any more
	}
	l.sum.Wall = time.Since(l.sum.Started)
	return l.sum, l.err
}
