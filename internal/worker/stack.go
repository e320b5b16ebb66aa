package worker

// This file runs in the program that owns the pool.

import (
	"encoding/binary"
	"strings"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/internal/stack"
	"github.com/cutoff-run/cutoff/internal/wire"
)

// How a worker tells where its function is before a limit stops it.
//
// It is asked first, which costs a fraction of a millisecond: see answer. A
// worker that has no answer within askBound (its function has no point where
// it could be preempted, or the only processor is taken) gets SIGQUIT if it is
// to be killed anyway: the runtime's handler runs on whatever thread it hits,
// needs no scheduler, prints all goroutines to the crash report and ends the
// process. That takes some ten milliseconds, most of them in pauses that the
// runtime makes. What has come when stackBound is over counts, and the kill
// waits no longer.
const (
	askBound   = 20 * time.Millisecond
	stackBound = 50 * time.Millisecond
)

// takeStack finds out where a call is that a limit stops, mayQuit if the worker
// need not live on. It goes on taking the worker's messages: a reply that comes
// meanwhile is a result.
func (a *attempt) takeStack(mayQuit bool) {
	if a.w.noStack || a.end.Limit == NoLimit || a.end.Started.IsZero() || a.end.Broken != nil || a.w.tree.Stopped() {
		return
	}
	before := a.end.Stack // from the polite stop
	a.end.Stack = ""
	// It fails if the worker is gone, and has room for thousands.
	_, _ = a.w.ask.Write(binary.LittleEndian.AppendUint64(nil, a.id))
	asked := time.NewTimer(askBound * proc.Patience)
	defer asked.Stop()
	for wait := true; wait && a.end.Stack == "" && !a.over; {
		select {
		case f, ok := <-a.w.frames:
			if wait = ok; ok {
				a.frame(f)
			}
		case <-asked.C:
			if wait = mayQuit && !a.hasQuit && a.quit(); wait {
				asked.Reset((stackBound - askBound) * proc.Patience)
			}
		case <-a.w.tree.Exited():
			wait = false
		case <-a.c.Kill:
			wait = false
		}
	}
	if a.end.Stack == "" {
		a.end.Stack = before
	}
}

// stackFrame takes the worker's answer.
func (a *attempt) stackFrame(f wire.Frame) {
	a.end.Stack = stack.Clean(string(f.Payload), len(f.Payload) == wire.StackBound)
}

// quit makes the worker's runtime print its goroutines and die, and reports
// whether it can be expected to.
func (a *attempt) quit() bool {
	if a.w.onQuit != nil {
		a.w.onQuit()
	}
	a.hasQuit = a.w.tree.SignalBusiest(syscall.SIGQUIT) == nil
	return a.hasQuit
}

// quitHead is how the runtime begins what it prints for SIGQUIT.
const quitHead = "SIGQUIT: quit\n"

// endQuit completes the ending of a worker that was told to quit. What it
// printed is where it was, and its end was our kill, which the record tells
// as it tells every other.
func (a *attempt) endQuit() {
	if !a.hasQuit || a.end.Reply != 0 || !strings.HasPrefix(a.end.Crash, quitHead) {
		return
	}
	cut := a.end.Status.Signal == syscall.SIGKILL || len(a.end.Crash) >= crashBound-1
	if s := stack.Clean(a.end.Crash, cut); s != "" {
		a.end.Stack = s
	}
	a.end.Crash = ""
	s := a.end.Status
	a.end.Status = proc.Status{ExitCode: -1, Signal: syscall.SIGKILL, User: s.User, System: s.System, MaxRSS: s.MaxRSS, Ended: s.Ended}
}
