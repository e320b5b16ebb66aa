package cutoff

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff/internal/deadline"
	"github.com/cutoff-run/cutoff/internal/outcome"
	"github.com/cutoff-run/cutoff/internal/proc"
)

// Process is a running command. Its methods may be called from several
// goroutines.
type Process struct {
	limits  Limits
	leave   bool // what it leaves behind when it exits by itself
	noStack bool // do not look at what a limit stops
	started time.Time
	tree    *proc.Tree
	streams *streams
	asked   chan error // why the caller wants it stopped; room for one
	killed  atomic.Bool
	stall   deadline.Stall // the supervisor's own lateness
	pauses  chan pauseRequest
	rested  time.Duration // how long it was paused until now; of the supervisor
	ending  chan struct{} // closed when nobody takes pauses any more

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

// Snapshot looks at the command's process tree as it is now, without stopping
// it, and returns a table of pid, state, processor time, what the process waits
// for, and the command line, as Result.Stack has it. It takes at most 50 ms and
// is empty where nothing could be seen in time, or nothing runs any more.
func (p *Process) Snapshot() string {
	if !p.Alive() {
		return ""
	}
	return p.tree.Snapshot().String()
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
	memoryBy MemoryBy  // if the limit is Memory
	seen     string    // what the tree did right before
}

// wanted reports whether the command was stopped at all.
func (s stop) wanted() bool { return s.limit != "" || s.cause != nil }

// supervise goes on from the start to the end of the command, in Run or in a
// goroutine of its own, and alone decides about it.
func (p *Process) supervise(ctx context.Context) {
	defer close(p.done)
	deadline.Watch()
	defer deadline.Unwatch()
	s := p.await(ctx)
	close(p.ending)
	if s.wanted() {
		grace := p.limits.Grace
		if errors.Is(s.cause, errKilled) || s.limit == Memory { // which the grace would use to take more
			grace = 0
		}
		s.polite = grace > 0
		if s.limit != "" && !p.noStack {
			s.seen = p.tree.Snapshot().String()
		}
		p.stall.Add(p.tree.Stop(syscall.SIGTERM, grace))
	}
	leaked, treeErr := p.closeTree(s)
	if st, _ := p.tree.Ending(); !s.wanted() && p.killed.Load() && st.Signal == syscall.SIGKILL {
		s.cause = errKilled // Kill was faster than its notice
	}
	if (!s.wanted() || s.limit == CPU) && p.tree.Netted(p.limits.CPU) {
		s.limit, s.polite = CPU, true // its signal is as good as a polite stop of ours, also if we were about to kill
	}
	if !s.wanted() && p.limits.Memory > 0 && p.tree.OOM().Own > 0 {
		// The kernel cut it off, also if the leader made nothing of its loss
		// and ended before we looked.
		s.limit, s.memoryBy, s.polite = Memory, ByKernel, true
	}
	copyErr := p.streams.finish()
	if (!s.wanted() || s.limit == Output) && p.streams.exceeded() {
		s.limit, s.polite = Output, true // its output has been cut, also if it was faster than the kill
	}
	p.conclude(s, leaked)
	p.err = p.failure(s)
	if treeErr != nil {
		p.err = errors.Join(p.err, fmt.Errorf("cutoff: ending the tree of process %d: %w", p.PID(), treeErr))
	}
	if p.err == nil && copyErr != nil {
		p.err = fmt.Errorf("cutoff: %w", copyErr)
	}
}

// closeTree ends the tree, or lets go what may stay, and tells how many
// processes it killed.
func (p *Process) closeTree(s stop) (leaked int, err error) {
	if st, _ := p.tree.Ending(); p.leave && !s.wanted() && st.ExitCode >= 0 {
		return 0, p.tree.Release()
	}
	return p.tree.Close()
}

// conclude fills in the result.
func (p *Process) conclude(s stop, leaked int) {
	st, ended := p.tree.Ending() // not ended: Close has said so
	oom := p.tree.OOM()
	p.result = Result{
		Outcome: decide(outcome.Ending{
			Started:  true,
			Limit:    string(s.limit),
			Canceled: s.cause != nil,
			Asked:    s.polite,
			Death:    outcome.CommandDeath(ended, st.ExitCode, st.Signal),
			OOM:      outcome.OOMOf(oom.Own, oom.Elsewhere),
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
		Output:      p.streams.account.excerpt(),
		OutputBytes: p.streams.account.written(),
	}
	if p.result.Outcome == Memory {
		p.result.MemoryBy = memoryBy(s.memoryBy, oom)
	}
	if p.result.Outcome.CutOff() {
		p.result.Stack = s.seen
	}
	if s.limit == "" { // it may have ended by itself after a limit and before the kill
		s.deadline = p.firstDeadline()
	}
	if !s.deadline.IsZero() {
		p.result.Overshoot = max(0, st.Ended.Sub(s.deadline))
	}
	p.result.Stalled = p.stall.Total(p.started, st.Ended, p.result.Overshoot)
	if !s.wanted() { // else there is no telling what it would have left
		p.result.Leaked = leaked
	}
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
