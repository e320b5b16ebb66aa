package cutoff

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff/internal/outcome"
	"github.com/cutoff-run/cutoff/internal/proc"
)

// Process is a running command. Its methods may be called from several
// goroutines.
type Process struct {
	limits  Limits
	started time.Time
	tree    *proc.Tree
	streams *streams
	asked   chan error // why the caller wants it stopped; room for one
	killed  atomic.Bool

	done   chan struct{} // closed when result and err are there
	result Result
	err    error
}

// PID returns the process id of the command.
func (p *Process) PID() int { return p.tree.PID() }

// Done returns a channel that is closed when the command has ended, nothing of
// it is left and its result is there.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end. It may be called any number of times. See Run for
// the errors.
func (p *Process) Wait() (Result, error) {
	<-p.done
	return p.result, p.err
}

// Join waits for the end, at most d, and reports whether it came. It stops
// nothing.
func (p *Process) Join(d time.Duration) bool { return join(p.done, d) }

// Alive reports whether the command has not ended yet.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Terminate stops the command as canceling its context would: politely, then
// by force after Limits.Grace. It does not wait.
func (p *Process) Terminate() { p.ask(errTerminated) }

// Kill kills the command and everything it started. It does not wait.
func (p *Process) Kill() {
	p.killed.Store(true)
	p.ask(errKilled)
	p.tree.Kill() // also when a grace is running already
}

// ask tells the supervisor that the caller wants the end; the first reason
// counts.
func (p *Process) ask(cause error) {
	select {
	case p.asked <- cause:
	default:
	}
}

// Result returns the record of the run; the zero Result while it runs.
func (p *Process) Result() Result {
	if p.Alive() {
		return Result{}
	}
	return p.result
}

// stop says why and how a command was stopped; the zero value: it was not.
type stop struct {
	limit    Outcome   // the limit that passed, or ""
	deadline time.Time // when it passed
	cause    error     // why the caller stopped it, or nil
	polite   bool      // it was asked before it was killed
}

// wanted reports whether the command was stopped at all.
func (s stop) wanted() bool { return s.limit != "" || s.cause != nil }

// supervise runs in a goroutine of its own from the start to the end of the
// command, and alone decides about it.
func (p *Process) supervise(ctx context.Context) {
	defer close(p.done)
	s := p.await(ctx)
	if s.wanted() {
		grace := p.limits.Grace
		if errors.Is(s.cause, errKilled) {
			grace = 0
		}
		s.polite = grace > 0
		p.tree.Stop(syscall.SIGTERM, grace)
	}
	leaked, treeErr := p.tree.Close()
	if !s.wanted() && p.killed.Load() && p.status().Signal == syscall.SIGKILL {
		s.cause = errKilled // Kill was faster than its notice
	}
	copyErr := p.streams.finish()
	p.conclude(s, leaked)
	p.err = p.failure(s)
	if treeErr != nil {
		p.err = errors.Join(p.err, fmt.Errorf("cutoff: ending the tree of process %d: %w", p.PID(), treeErr))
	}
	if p.err == nil && copyErr != nil {
		p.err = fmt.Errorf("cutoff: %w", copyErr)
	}
}

// await waits for the first of all reasons to end. An end that is there counts
// before a reason to stop that comes at the same moment.
func (p *Process) await(ctx context.Context) (s stop) {
	timeout, stopTimeout := after(p.limits.Timeout, p.started)
	defer stopTimeout()
	idle, stopIdle := after(p.limits.Idle, p.started)
	defer func() { stopIdle() }()
	for !s.wanted() {
		select {
		case <-p.tree.Exited():
			return stop{}
		case <-timeout:
			s = stop{limit: Timeout, deadline: p.started.Add(p.limits.Timeout)}
		case <-idle:
			last := p.streams.lastOutput()
			deadline := last.Add(p.limits.Idle)
			if time.Now().Before(deadline) {
				idle, stopIdle = after(p.limits.Idle, last)
				continue
			}
			s = stop{limit: Idle, deadline: deadline}
		case <-ctx.Done():
			s = stop{cause: context.Cause(ctx)}
		case cause := <-p.asked:
			s = stop{cause: cause}
		}
	}
	select {
	case <-p.tree.Exited():
		return stop{}
	default:
		return s
	}
}

// after returns a channel that tells when d has passed since start, and never
// if d is 0; and what gives it back.
func after(d time.Duration, start time.Time) (<-chan time.Time, func() bool) {
	if d == 0 {
		return nil, func() bool { return false }
	}
	t := time.NewTimer(time.Until(start.Add(d)))
	return t.C, t.Stop
}

// conclude fills in the result.
func (p *Process) conclude(s stop, leaked int) {
	st := p.status()
	p.result = Result{
		Outcome: decide(outcome.Ending{
			Started:  true,
			Limit:    string(s.limit),
			Canceled: s.cause != nil,
			Asked:    s.polite,
			Death:    p.death(st),
		}),
		PID:         p.PID(),
		Attempt:     1,
		Started:     p.started,
		Wall:        max(0, st.Ended.Sub(p.started)), // it may end before we look at the clock
		User:        st.User,
		System:      st.System,
		MaxRSS:      st.MaxRSS,
		ExitCode:    st.ExitCode,
		Signal:      st.SignalName(),
		CoreDumped:  st.CoreDumped,
		Containment: string(p.tree.Level()),
		Output:      p.streams.tail.String(),
	}
	if s.limit == "" { // it may have ended by itself after a limit and before the kill
		s.deadline = p.firstDeadline()
	}
	if !s.deadline.IsZero() {
		p.result.Overshoot = max(0, st.Ended.Sub(s.deadline))
	}
	if !s.wanted() { // else there is no telling what it would have left
		p.result.Leaked = leaked
	}
}

// status is how the command ended, to be asked when nothing more is awaited.
func (p *Process) status() proc.Status {
	select {
	case <-p.tree.Exited():
		return p.tree.Status()
	default: // the kernel could not end it: Close has said so
		return proc.Status{ExitCode: -1, Ended: time.Now()}
	}
}

// death says how the command ended.
func (p *Process) death(st proc.Status) outcome.Death {
	select {
	case <-p.tree.Exited():
		return deathOf(st)
	default:
		return outcome.NotEnded
	}
}

// firstDeadline returns when the first of the limits that are bound to time
// passes, or passed; zero if there is none.
func (p *Process) firstDeadline() (d time.Time) {
	if p.limits.Timeout > 0 {
		d = p.started.Add(p.limits.Timeout)
	}
	if p.limits.Idle > 0 {
		if i := p.streams.lastOutput().Add(p.limits.Idle); d.IsZero() || i.Before(d) {
			d = i
		}
	}
	return d
}

// failure returns the error that goes with the result.
func (p *Process) failure(s stop) error {
	r := p.result
	switch r.Outcome {
	case OK:
		return nil
	case Failed:
		return &ExitError{Result: r}
	case Canceled:
		return &CanceledError{Cause: s.cause, Result: r}
	case Crashed:
		reason := "killed by " + r.Signal
		if r.Signal == "" {
			reason = "it ended, but its status was taken by another part of this program (a wait for any child?)"
		}
		return &CrashError{Reason: reason, Result: r}
	}
	return newCutoffError(p.limits, r)
}
