package cutoff

import (
	"errors"
	"time"
)

// pauseRequest asks the supervisor of a command to stop its processes, or to
// let them go on.
type pauseRequest struct {
	stop bool
	done chan error
}

// Pause stops the command's processes as SIGSTOP does, and with them the
// clocks of Limits.Timeout and Limits.Idle, until Continue. What else ends the
// command still does: its context, Kill, a limit that has been passed. Result.Wall
// counts the pause, and Result.Stalled says how long it was. A process that
// forks just then may get away with running on. Pausing again changes nothing, nor
// does it for a command that is ending or has ended. On Windows the error is
// errors.ErrUnsupported.
func (p *Process) Pause() error { return p.pause(true) }

// Continue lets a command that was paused go on.
func (p *Process) Continue() error { return p.pause(false) }

func (p *Process) pause(stop bool) error {
	if !canPause {
		return errors.ErrUnsupported
	}
	r := pauseRequest{stop, make(chan error, 1)}
	select {
	case p.pauses <- r:
		return <-r.done
	case <-p.ending:
		return nil
	}
}

// pause stops the processes, then the clocks: none runs out in between.
func (a *alarms) pause() error {
	if !a.paused.IsZero() {
		return nil
	}
	a.paused = time.Now()
	for _, t := range []*time.Timer{a.timeout, a.idle} {
		if t != nil {
			t.Stop()
		}
	}
	return stopTree(a.p.tree)
}

// resume lets the processes go on, and the clocks with what they had left.
func (a *alarms) resume() error {
	if a.paused.IsZero() {
		return nil
	}
	now := time.Now()
	span := now.Sub(a.paused)
	a.paused = time.Time{}
	a.p.rested += span
	a.p.stall.Add(span)
	a.p.streams.active.Add(int64(span)) // as if it had been silent so much later
	if a.timeout != nil {
		a.timeout.Reset(a.p.stall.Moved(a.p.started.Add(a.p.rested + a.p.limits.Timeout)).Sub(now))
	}
	if a.idle != nil {
		a.idle.Reset(a.p.stall.Moved(a.p.streams.lastOutput().Add(a.p.limits.Idle)).Sub(now))
	}
	return continueTree(a.p.tree)
}
