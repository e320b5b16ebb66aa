package proc

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff/internal/deadline"
)

// Bounds of what should take microseconds. They are reached only when the
// kernel cannot end a process (uninterruptible sleep on broken hardware, a
// debugger) or when processes multiply faster than they can be killed.
const (
	killBound  = 10 * time.Second // a kill until the leader is reaped
	clearBound = 10 * time.Second // clearing away what a leader left behind
)

// Tree is a running leader and everything it started.
type Tree struct {
	started time.Time
	pid     int
	hold    holder
	exited  chan struct{}
	status  Status // written before exited is closed

	measure  measure  // see usage.go
	controls controls // the kernel's own limits

	killed atomic.Bool // we sent the leader a SIGKILL before its end
	logged sync.Once   // see killedByKernel
	inLog  bool

	// mu is held while the leader is reaped, so that whoever holds it and sees
	// reaped false may use the leader's pid: it cannot have been given away.
	mu     sync.Mutex
	reaped bool
}

// holder is the level's part of a tree. Its methods may be called at any time
// after the start, from several goroutines.
type holder interface {
	level() Level
	// signal sends sig once to every member.
	signal(t *Tree, sig syscall.Signal) error
	// kill sends SIGKILL to every member; none of them runs on when it returns
	// nil. It does not wait for the reaping.
	kill(t *Tree) error
	// clear kills what is left, waits (bounded) until nothing is, and gives
	// everything back, or has that done soon. left is how many members were alive
	// when it was called.
	clear(t *Tree) (left int, err error)
	// release gives everything back and leaves the members alone.
	release(t *Tree) error
}

func newTree(pid int, h holder) *Tree {
	return &Tree{started: time.Now(), pid: pid, hold: h, exited: make(chan struct{})}
}

// PID returns the leader's process id.
func (t *Tree) PID() int { return t.pid }

// Started is when the leader ran: always before Status.Ended.
func (t *Tree) Started() time.Time { return t.started }

// Level returns the containment level that holds this tree. It may be weaker
// than Containment if a step failed for this tree alone.
func (t *Tree) Level() Level { return t.hold.level() }

// Exited returns a channel that is closed once the leader has ended and is
// reaped. Its descendants may still run: Close ends them.
func (t *Tree) Exited() <-chan struct{} { return t.exited }

// Status returns how the leader ended. It is valid only after Exited.
func (t *Tree) Status() Status { return t.status }

// Ending returns how the leader ended, as Status does. ended is false if it
// lives: after a Kill the kernel cannot end it. Its exit status is -1 then.
func (t *Tree) Ending() (st Status, ended bool) {
	select {
	case <-t.exited:
		return t.status, true
	default:
		return Status{ExitCode: -1, Ended: time.Now()}, false
	}
}

// Over reports whether the leader has ended, whether or not that was noticed:
// it looks. What is to stop a leader asks this first: when this program has been
// stopped itself, both may have come meanwhile, the end and the limit after it.
func (t *Tree) Over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over()
}

// over is Over with t.mu held.
func (t *Tree) over() bool { return t.reaped || isZombie(t.pid) }

// Signal sends sig once to every member of the tree. A tree that has ended is
// no error. os.Kill is the same as Kill.
func (t *Tree) Signal(sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return fmt.Errorf("proc: unsupported signal %v", sig)
	}
	if s == syscall.SIGKILL {
		return t.kill()
	}
	return t.hold.signal(t, s)
}

// Kill sends SIGKILL to every member of the tree and does not wait for the
// reaping.
func (t *Tree) Kill() { _ = t.kill() } // Close reports what survived

func (t *Tree) kill() error {
	select {
	case <-t.exited:
	default:
		t.killed.Store(true)
	}
	return t.hold.kill(t)
}

// Stop ends the leader: it asks the whole tree with sig (and wakes stopped
// members, so that they can hear it), waits up to grace, and kills the tree.
// With a nil sig or no grace it kills at once. It returns once the leader is
// reaped, or, if the kernel cannot end it, after killBound: then Exited is
// still open. It may be called again to cut a running Stop short. late is how
// late the end of the grace was noticed, if that was for a stall of this
// program (see package deadline); the leader had a fresh chance then.
func (t *Tree) Stop(sig os.Signal, grace time.Duration) (late time.Duration) {
	if sig != nil && grace > 0 {
		_ = t.Signal(sig) // best effort: the kill below is certain
		if sig != os.Kill {
			_ = t.wake()
		}
		ended := false
		if ended, late = t.waitGrace(grace); ended {
			return late
		}
	}
	t.Kill()
	t.wait(killBound)
	return late
}

// waitGrace reports whether the leader ended within the grace.
func (t *Tree) waitGrace(grace time.Duration) (ended bool, late time.Duration) {
	due := time.Now().Add(grace)
	if t.wait(grace) {
		return true, 0
	}
	var stall deadline.Stall
	now := time.Now()
	if !stall.Forgive(now, due, grace) {
		return false, 0
	}
	return t.wait(stall.Moved(due).Sub(now)), now.Sub(due)
}

// wait reports whether the leader ended within d.
func (t *Tree) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.exited:
		return true
	case <-timer.C:
		return false
	}
}

// Close ends the tree: it kills every member that is left and gives back what
// held the tree; an empty cgroup is removed a moment later. leaked counts the
// members that were alive when it was called. Call it once, after Exited or after
// Kill. It returns within a fixed bound; the error says what could not be ended.
func (t *Tree) Close() (leaked int, err error) {
	_ = t.OOM() // which may look for the last time: the counters go with the tree
	leaked, err = t.hold.clear(t)
	t.controls.remove()
	return leaked, err
}

// Release is Close for a tree that may live on: it gives back what held the
// tree and leaves its members alone, also when this program ends. Call it
// instead of Close, after Exited. Spec.MayLive must have been set.
func (t *Tree) Release() error {
	_ = t.OOM()
	t.controls.release()
	return t.hold.release(t)
}

// unreaped calls f while the leader's pid is certainly its own, and returns
// nil without calling it if the leader is reaped.
func (t *Tree) unreaped(f func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reaped {
		return nil
	}
	return f()
}

// errSurvivors is what clear returns if its bound passed.
var errSurvivors = errors.New("processes that could not be killed in time")
