package batch

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// Task is one unit of work with its input. It is not changed once it has been
// handed to [Run].
type Task struct {
	// ID is the name the user knows the task by: an input line, a file name.
	// It need not be unique. Empty means the task's number.
	ID string
	// Argv is a command and its arguments, run without a shell.
	Argv []string
	// Cmd is a command line, run by the shell. Exactly one of Argv and Cmd is
	// set for a task of a [CommandRunner].
	Cmd string
	// Env is added to the environment, as NAME=value.
	Env []string
	// Dir is the working directory. Empty means the batch's.
	Dir string
	// Stdin is the standard input. Nil means none at all: the task reads the
	// end of the file at once, and never from the batch's own input.
	Stdin []byte
	// Limits are the task's own. A limit that is zero is the batch's.
	Limits cutoff.Limits
	// Resources are the task's own, for a [CommandRunner]. One that is zero is
	// the runner's.
	Resources cutoff.Resources
	// Invalid says why the task cannot run, if its input made none: it is
	// recorded as notstarted for this reason. Nil for every other task.
	Invalid error
	// Place says where in the input the task stands ("tasks.jsonl:7"), for
	// messages. Empty if nobody would look there.
	Place string
}

// errNoWork is the mistake of a task list that says nothing to run.
var errNoWork = errors.New("batch: a task must have exactly one of Argv and Cmd")

// limits returns those of the task under the batch's.
func (t *Task) limits(batch cutoff.Limits) cutoff.Limits {
	l := t.Limits
	return cutoff.Limits{
		Timeout: cmp.Or(l.Timeout, batch.Timeout),
		Grace:   cmp.Or(l.Grace, batch.Grace),
		CPU:     cmp.Or(l.CPU, batch.CPU),
		Idle:    cmp.Or(l.Idle, batch.Idle),
		Memory:  cmp.Or(l.Memory, batch.Memory),
		Output:  cmp.Or(l.Output, batch.Output),
	}
}

// resources returns those of the task under the runner's.
func (t *Task) resources(runner cutoff.Resources) cutoff.Resources {
	r := t.Resources
	r.NoFile = cmp.Or(r.NoFile, runner.NoFile)
	r.Processes = cmp.Or(r.Processes, runner.Processes)
	r.Nice = cmp.Or(r.Nice, runner.Nice)
	if len(r.CPUs) == 0 {
		r.CPUs = runner.CPUs
	}
	r.NoCore = r.NoCore || runner.NoCore
	return r
}

// record returns how a journal names the task. Identity, limits and slot are
// the caller's.
func (t *Task) record(seq int64) journal.Task {
	return journal.Task{Seq: seq, ID: t.ID, Argv: t.Argv, Cmd: t.Cmd, Dir: t.Dir}
}

// Work returns what the task runs and its input, which decide whether two
// tasks are the same.
func (t *Task) Work() journal.Work {
	return journal.Work{Argv: t.Argv, Cmd: t.Cmd, Env: t.Env, Dir: t.Dir, Stdin: t.Stdin}
}

// checkLimits refuses a computed limit that came out negative, which must not
// turn into "no limit".
func checkLimits(l cutoff.Limits) error {
	if min(l.Timeout, l.Grace, l.CPU, l.Idle) < 0 || min(l.Memory, l.Output) < 0 {
		return fmt.Errorf("batch: a limit is negative (%+v): use a positive value, or zero for none", l)
	}
	return nil
}
