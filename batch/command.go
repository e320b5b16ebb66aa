package batch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cutoff-run/cutoff"
)

// CommandRunner runs tasks as commands on this machine. The zero value works.
//
// A command finds in its environment which task it is: CUTOFF_TASK_ID is
// [Task.ID] and CUTOFF_ATTEMPT the number of its attempt, from 1;
// CUTOFF_DEADLINE is [Attempt.Deadline] in seconds since 1970, with three
// digits behind the point, and empty if there is none.
type CommandRunner struct {
	// Env is the environment that each task's own is added to. Nil means that
	// of this process.
	Env []string
	// Leftovers says what becomes of processes that a task leaves behind when
	// it ends by itself. Zero means that they are killed.
	Leftovers cutoff.Leftovers
	// Containment is what must hold each task's process tree; "" means the
	// strongest that can be had. See cutoff.Command.Containment.
	Containment string
	// Resources are what each task's processes get of the machine, where the
	// task does not bring its own. See cutoff.Command.Resources.
	Resources cutoff.Resources
	// TempDirs has a directory for each attempt, whose name it finds in
	// CUTOFF_TMPDIR. That is gone when the attempt has ended, however it ended.
	// Nil means that there is none.
	TempDirs *TempDirs
	// Commands gets to know what runs, to pause it or to look at it. Nil means
	// that nobody does.
	Commands *Commands
}

// Run implements [Runner].
func (r CommandRunner) Run(ctx context.Context, a Attempt) (result cutoff.Result, err error) {
	t := &a.Task
	argv := t.Argv
	if t.Cmd != "" {
		argv = []string{"sh", "-c", t.Cmd}
	}
	if len(argv) == 0 || t.Cmd != "" && t.Argv != nil {
		return notStarted, errNoWork
	}
	cmd := cutoff.Command{
		Path:   argv[0],
		Args:   argv[1:],
		Dir:    t.Dir,
		Stdout: a.Stdout,
		Stderr: a.Stderr,
		Limits: a.Limits,

		Resources:   t.resources(r.Resources),
		Leftovers:   r.Leftovers,
		Containment: r.Containment,
	}
	env := r.Env
	if env == nil {
		env = os.Environ()
	}
	cmd.Env = append(append(env[:len(env):len(env)], t.Env...), a.env()...)
	if r.TempDirs != nil {
		dir, err := r.TempDirs.take()
		if err != nil {
			return notStarted, fmt.Errorf("batch: %w", err)
		}
		defer func() { r.TempDirs.giveBack(dir, result, r.Leftovers) }()
		cmd.Env = append(cmd.Env, "CUTOFF_TMPDIR="+dir.path)
	}
	if t.Stdin != nil {
		cmd.Stdin = bytes.NewReader(t.Stdin)
	}
	p, err := r.Commands.start(ctx, cmd, a)
	if err != nil {
		return notStarted, err
	}
	defer r.Commands.remove(p)
	return p.Wait()
}

// notStarted is the result of an attempt that never ran.
var notStarted = cutoff.Result{Outcome: cutoff.NotStarted, ExitCode: -1}

// env says in the environment which attempt it is.
func (a *Attempt) env() []string {
	deadline := ""
	if ms := a.Deadline.UnixMilli(); !a.Deadline.IsZero() {
		deadline = fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
	}
	return []string{
		"CUTOFF_TASK_ID=" + strings.ReplaceAll(a.Task.ID, "\x00", ""), // which no variable can hold
		"CUTOFF_ATTEMPT=" + strconv.Itoa(a.Number),
		"CUTOFF_DEADLINE=" + deadline,
	}
}
