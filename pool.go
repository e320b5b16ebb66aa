package cutoff

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/internal/worker"
)

// PoolOptions say what a pool is made of. The zero value works.
type PoolOptions struct {
	// Workers is how many calls run at once. Zero means one for each
	// processor that Go may use (runtime.GOMAXPROCS).
	Workers int
	// Spares is how many further workers stand by, warm, so that a call which
	// follows a kill need not wait for a process to start. Zero means that a
	// killed worker is replaced by one that starts then.
	Spares int
	// MaxCalls is how many calls a worker serves before it is replaced; 1
	// gives each call a fresh process. Zero means no bound.
	MaxCalls int
	// MaxMemory is the peak resident set, in bytes, beyond which a worker is
	// replaced when its call has ended. It limits no call. The calls of a Map go
	// one by one then, however short they are. Zero means no bound.
	MaxMemory int64
	// Limits bound every call, unless it comes through With.
	Limits Limits
	// Resources are what each worker, and what it starts, gets of the machine:
	// how many open files, which niceness, which processors. They are set
	// before the worker's main. NewPool fails where they cannot be had. Zero
	// means what this program has.
	Resources Resources
	// Leftovers says what becomes of processes that a call leaves behind when
	// it ends by itself, daemons included. Zero means that its worker is
	// replaced and they are killed before the caller hears of the end. With
	// LeaveLeftovers they stay with the worker, for its later calls, and end
	// with it. What Setup starts stays in any case. (Linux; elsewhere they are
	// found when the worker ends.)
	Leftovers Leftovers
	// Setup runs once in each new worker, before its first call: load the
	// model, open the files. A worker whose Setup fails serves no call. Nil
	// means none.
	Setup *Func[struct{}, struct{}]
	// Spin is how long a worker that has ended a call looks for the next one,
	// and its caller for the reply, before they go to sleep. It makes a short
	// call a few times faster where a processor is free for each of the two,
	// and burns them meanwhile; where it does no good it is given up for a
	// while. Zero means not at all. It has an effect on Linux only.
	Spin time.Duration
	// StartTimeout bounds how long a worker may take to start, Setup
	// included. Zero means 30 s.
	StartTimeout time.Duration
	// Env is the workers' whole environment. Nil means the program's own.
	Env []string
	// Dir is the workers' working directory. Empty means the program's own.
	Dir string
	// Stdout and Stderr get what the functions print, from several workers at
	// once, a write at a time. Nil means the program's own streams.
	Stdout, Stderr io.Writer
	// NoStack spares every cutoff the look at where its function was: then
	// Result.Stack stays empty, and the kill comes up to a millisecond sooner,
	// or, for a function that cannot even be preempted, up to 50 ms.
	NoStack bool
	// Containment is the means that must hold each worker's process tree:
	// "cgroup", "pidns" or "sweep" on Linux (docs/CONTAINMENT.md). Where it
	// cannot be had NewPool fails and says why. "" and "auto" mean the
	// strongest that can be had, unless the environment variable
	// CUTOFF_CONTAINMENT names one. Stats.Containment says which it is.
	Containment string
	// Logger is told of workers that start, end, and fail. Nil means silence.
	Logger *slog.Logger
	// OnEvent is told of everything that happens to calls and workers, from
	// many goroutines. It must return soon, since the pool waits for it: it may
	// ask for Stats, but must wait for no call, nor for Close or Kill. The calls
	// of a Map go one by one then, however short they are. Nil means nobody.
	OnEvent func(Event)
}

// defaultStartTimeout leaves room for a slow Setup on a starved machine.
const defaultStartTimeout = 30 * time.Second

// check validates the options and fills in the defaults.
func (o *PoolOptions) check() error {
	for _, f := range []struct {
		name string
		n    int64
	}{
		{"Workers", int64(o.Workers)}, {"Spares", int64(o.Spares)}, {"MaxCalls", int64(o.MaxCalls)},
		{"MaxMemory", o.MaxMemory}, {"StartTimeout", int64(o.StartTimeout)}, {"Spin", int64(o.Spin)},
	} {
		if f.n < 0 {
			return fmt.Errorf("cutoff: PoolOptions.%s is negative (%d): leave it zero for the default", f.name, f.n)
		}
	}
	if err := o.Resources.check("PoolOptions"); err != nil {
		return err
	}
	level, err := proc.ParseLevel(o.Containment)
	if err != nil {
		return fmt.Errorf("cutoff: PoolOptions.Containment: %w", err)
	}
	o.Containment = string(level)
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = defaultStartTimeout
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	return o.Limits.check()
}

// A Pool runs calls in worker processes, one call at a time in each. Workers
// share nothing with each other, no lock, queue or pipe, so that killing one
// breaks no other. A pool may be used by any number of goroutines.
type Pool struct {
	e       *engine
	limits  Limits
	invalid error // what is wrong with the limits
}

// NewPool starts a pool and waits until its first worker reports for work, so
// that a mistake in the set-up shows here. The program's main must have called
// [Init]. Close or Kill the pool when it is no longer needed.
func NewPool(o PoolOptions) (*Pool, error) {
	if err := mayBuildPool(); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	e, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	return &Pool{e: e, limits: o.Limits}, nil
}

// With returns the same pool under other limits. All that is derived from one
// pool shares its workers; closing one closes all. Limits that are negative
// make every call fail.
func (p *Pool) With(l Limits) *Pool {
	if p == nil {
		return nil
	}
	return &Pool{p.e, l, l.check()}
}

// Limits returns the limits of the pool's calls.
func (p *Pool) Limits() Limits { return p.limits }

// Close lets the calls that were submitted so far finish, then ends all
// workers. Calls that come later fail with ErrPoolClosed. It waits as long as
// those calls run: use Kill, also at the same time, to end them.
func (p *Pool) Close() error {
	p.e.close(false)
	return nil
}

// Kill ends all calls, running and waiting, and all workers, now. It returns
// when they are gone.
func (p *Pool) Kill() error {
	p.e.close(true)
	return nil
}

// Stats are a pool's figures. The counts of calls include those of every pool
// derived by With.
type Stats struct {
	Workers     int    // calls that may run at once
	Idle        int    // warm workers without a call, spares included
	Busy        int    // calls that run now
	Starting    int    // workers that start now
	Waiting     int    // calls that wait for a worker
	Started     int64  // worker processes started so far
	Calls       int64  // calls ended so far
	CutOff      int64  // of these: stopped by a limit
	Crashed     int64  // of these: died of themselves
	Recycled    int64  // workers replaced although they still ran
	Containment string // what holds the workers' process trees: "cgroup", "sweep", …
}

// Stats returns the pool's figures as they are now.
func (p *Pool) Stats() Stats { return p.e.snapshot() }

// Event is something that happened in a pool.
type Event struct {
	Kind EventKind
	Time time.Time
	// PID is the worker's process id.
	PID int
	// Func and Call name the call: the function, and a number that is the
	// call's own within the pool. Empty and 0 for events of workers.
	Func string
	Call uint64
	// Progress is what the function passed to Beat.
	Progress float64
	// Result is the attempt's record, for CallEnded.
	Result *Result
	// Err is why a worker could not start or why a call did not go well.
	Err error
}

// EventKind tells what happened.
type EventKind string

// The kinds of events.
const (
	WorkerStarted EventKind = "worker-started"
	WorkerFailed  EventKind = "worker-failed" // it could not start, or died without a call
	WorkerEnded   EventKind = "worker-ended"
	CallStarted   EventKind = "call-started"
	CallBeat      EventKind = "call-beat"
	CallEnded     EventKind = "call-ended"
)

// startError explains a worker that could not start.
func startError(err error) error {
	switch {
	case errors.Is(err, worker.ErrSilent):
		return fmt.Errorf("%w (%w)", ErrNoInit, err)
	case errors.Is(err, worker.ErrAborted):
		return fmt.Errorf("%w: %w", ErrPoolClosed, err)
	case errors.Is(err, worker.ErrOtherProgram):
		return fmt.Errorf("cutoff: %w: the program's file was replaced while it ran; restart it", err)
	}
	return fmt.Errorf("cutoff: %w", err)
}
