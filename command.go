package cutoff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// Command is a program to run under limits. It runs in a process of its own,
// and everything that it starts, however far it detaches itself, ends with it:
// at a limit, when the caller cancels, when the command itself ends, and when
// this program dies. (What can get away nevertheless on which system is
// written down in docs/CONTAINMENT.md.)
//
// A Command may be run any number of times, also at the same time as far as
// its readers and writers allow it.
type Command struct {
	// Path is the program. A name without a slash is looked up in PATH, as
	// os/exec does it; a relative path is relative to Dir.
	Path string
	// Args are the arguments, without the program's name.
	Args []string
	// Env is the environment as "KEY=value"; the last of equal keys counts.
	// nil means the environment of this program.
	Env []string
	// Dir is the working directory; "" means this program's.
	Dir string

	// Stdin is the standard input. nil means none (the null device); an
	// *os.File is handed to the command itself; another reader is copied to a
	// pipe, and may be read further than the command reads it. A Read that
	// blocks for ever does not hold the command up.
	Stdin io.Reader
	// Stdout and Stderr take the output. An *os.File is handed to the command
	// itself, unless Limits.Idle or Limits.Output is set; to other writers it
	// is copied, from one goroutine at a time, and if both are the same writer,
	// in the order it was written. A writer that fails does not disturb the command: the
	// rest is discarded and Wait returns the writer's error. What exceeds
	// Limits.Output is read, counted and not passed on. nil means that the
	// output is discarded. In all cases but that of a file handed over, the
	// beginning and the end of both together are kept in Result.Output.
	Stdout, Stderr io.Writer

	// Limits bound the run. Timeout counts from the moment the process has
	// started. At a limit the whole tree gets SIGTERM and Limits.Grace to end,
	// if there is a grace, and is killed then; at Limits.Memory it is killed at
	// once.
	Limits Limits

	// Resources are what the command's processes get of the machine: how many
	// open files, which niceness, which processors. Zero means what this
	// program has.
	Resources Resources

	// Leftovers says what becomes of processes that the command leaves behind
	// when it exits by itself. Zero means that they are killed. If they are
	// left, a pipe that they still hold is closed at this end.
	Leftovers Leftovers

	// Containment is the means that must hold the command's process tree:
	// "cgroup", "pidns" or "sweep" on Linux (docs/CONTAINMENT.md). Where it
	// cannot be had the start fails and says why. "" and "auto" mean the
	// strongest that can be had, unless the environment variable
	// CUTOFF_CONTAINMENT names one. Result.Containment says which it was.
	Containment string

	// NoStack spares a cutoff the look at what the command's processes do: then
	// Result.Stack stays empty, and the stop comes a fraction of a millisecond
	// sooner, or, for a tree of many processes, up to 50 ms.
	NoStack bool
}

// Run starts the command and waits for its end. It returns within the limits
// and a small constant, whoever still holds the command's pipes.
//
// The Result is complete for every ending. The error is nil if the command
// exited with status 0, and else
//
//   - *ExitError: it exited with another status,
//   - *CutoffError: a limit stopped it,
//   - *CrashError: it died of a signal that we did not send,
//   - *CanceledError: ctx ended and stopped it, or did not let it start,
//   - or what kept it from starting, as os/exec says it: errors.Is finds
//     exec.ErrNotFound, fs.ErrPermission and the like. The outcome is
//     NotStarted then.
func (c Command) Run(ctx context.Context) (Result, error) {
	p, err := c.launch(ctx)
	if err != nil {
		return notStarted, err
	}
	p.supervise(ctx)
	return p.Wait()
}

// notStarted is the record of an attempt that never ran.
var notStarted = Result{Outcome: NotStarted, ExitCode: -1}

// Start starts the command. What it returns must not be waited for: limits and
// ctx stop it by themselves, and nothing is left behind if nobody waits.
func (c Command) Start(ctx context.Context) (*Process, error) {
	p, err := c.launch(ctx)
	if err != nil {
		return nil, err
	}
	go p.supervise(ctx)
	return p, nil
}

// launch starts the process and what copies its streams. Somebody must supervise
// it from then on.
func (c Command) launch(ctx context.Context) (*Process, error) {
	if err := c.Limits.check(); err != nil {
		return nil, err
	}
	if err := c.Resources.check("Command"); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, &CanceledError{Cause: context.Cause(ctx), Result: notStarted}
	}
	level, err := proc.ParseLevel(c.Containment)
	if err != nil {
		return nil, fmt.Errorf("cutoff: Command.Containment: %w", err)
	}
	cmd := exec.Command(c.Path, c.Args...) // for the look-up; it is never run
	cmd.Env, cmd.Dir = c.Env, c.Dir
	if cmd.Err == nil && c.Path == "" {
		cmd.Err = errors.New("no command given: set Command.Path")
	}
	if cmd.Err != nil {
		return nil, fmt.Errorf("cutoff: %w", cmd.Err)
	}
	streams, err := openStreams(c)
	if err != nil {
		return nil, fmt.Errorf("cutoff: pipes for %s: %w", c.Path, err)
	}
	tree, err := proc.Start(proc.Spec{
		Level: level,
		Path:  cmd.Path,
		Args:  cmd.Args,
		Env:   cmd.Environ(),
		Dir:   c.Dir,
		Files: streams.files[:],

		Resources: proc.Resources(c.Resources),
		Memory:    c.Limits.Memory,

		MayLive: c.Leftovers == LeaveLeftovers,
	})
	if err != nil {
		streams.abandon()
		return nil, fmt.Errorf("cutoff: %w", err)
	}
	p := &Process{
		limits:  c.Limits,
		leave:   c.Leftovers == LeaveLeftovers,
		noStack: c.NoStack,
		started: tree.Started(),
		tree:    tree,
		streams: streams,
		asked:   make(chan error, 1),
		pauses:  make(chan pauseRequest),
		ending:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	streams.start(p.started)
	return p, nil
}
