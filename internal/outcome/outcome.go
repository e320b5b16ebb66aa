// Package outcome holds the one function that names the reason an attempt
// ended: for calls, for commands, and for the command line, which runs
// commands under rules of its own.
//
// The rules, which the test holds over every combination of what can be known:
//
//  1. What never began is notstarted.
//  2. Whoever finished has finished: a function's whole result, however late,
//     and a command's exit with 0 that was not asked for, is ok.
//  3. What our stop explains, our stop explains: the limit for which we
//     stopped it, and else the caller's will. A polite stop explains every end
//     that follows it. A kill explains only what a kill does: whatever ended
//     in another way was faster, and did not know of it.
//  4. What the kernel killed for memory is memory, as far as its counters
//     prove it.
//  5. A function's error, and a command's exit with another status, is failed.
//  6. Everything else is crashed.
package outcome

import "syscall"

// A Reply is what a function had said before its worker was gone.
type Reply int

// The replies. A reply that a kill cut short was never sent.
const (
	NoReply Reply = iota // commands never have one
	Result
	Error // also: its input or result could not be converted
	Panic // also: it ended its goroutine
)

// A Death is how the process ended: the command, or the worker.
type Death int

// The deaths.
const (
	NotEnded Death = iota // the worker goes on; or the process cannot be ended
	ExitZero
	ExitOther
	Signaled // by another signal than SIGKILL
	Killed   // by SIGKILL, whoever sent it
	Unknown  // another part of the program took the status
)

// DeathOf returns the death of a process that has ended, by its exit status
// (-1 if it did not exit) and the signal that ended it, 0 if none did.
func DeathOf(exitCode int, signal syscall.Signal) Death {
	switch {
	case signal == syscall.SIGKILL:
		return Killed
	case signal != 0:
		return Signaled
	case exitCode == 0:
		return ExitZero
	case exitCode > 0:
		return ExitOther
	}
	return Unknown
}

// CommandDeath is DeathOf for a command, which may not have ended.
func CommandDeath(ended bool, exitCode int, signal syscall.Signal) Death {
	if !ended {
		return NotEnded
	}
	return DeathOf(exitCode, signal)
}

// An OOM is what the kernel's counters say of kills for want of memory.
type OOM int

// What they may say.
const (
	NoOOM        OOM = iota // nothing, or there are none
	OOMOwn                  // it killed members of the tree for the tree's own limit
	OOMElsewhere            // it killed members of the tree for a limit further up, or the machine's
)

// OOMOf returns what it proves that so many were killed for the tree's own
// limit, and so many for another one.
func OOMOf(own, elsewhere int64) OOM {
	switch {
	case own > 0:
		return OOMOwn
	case elsewhere > 0:
		return OOMElsewhere
	}
	return NoOOM
}

// Ending is all that is known about how an attempt ended.
type Ending struct {
	Started  bool   // the work began in its process
	Function bool   // it is a call in a worker; else a command
	Limit    string // the limit for which we stopped it; empty if for none
	Canceled bool   // we stopped it because the caller said so
	Asked    bool   // that stop was polite, and came before the reply and the end
	Reply    Reply
	Broken   bool // the worker violated the protocol, so that we killed it
	Death    Death
	OOM      OOM
}

// Decide names the reason, as a value of cutoff.Outcome.
func Decide(e Ending) string {
	switch {
	case !e.Started:
		return "notstarted"
	case e.finished():
		return "ok"
	case e.stopped():
		if e.Limit != "" {
			return e.Limit // also if the caller gave up afterwards
		}
		return "canceled"
	case e.starved():
		return "memory"
	case e.failed():
		return "failed"
	}
	return "crashed"
}

// wanted reports whether we stopped it at all.
func (e Ending) wanted() bool { return e.Limit != "" || e.Canceled }

// finished is rule 2. A command that exits with 0 after our signal has most
// likely given up in good order; a function that returns a whole result has it.
func (e Ending) finished() bool {
	if e.Function {
		return e.Reply == Result
	}
	return e.Death == ExitZero && !e.Asked
}

// stopped is rule 3.
func (e Ending) stopped() bool {
	if !e.wanted() || e.Asked {
		return e.wanted()
	}
	if e.Reply != NoReply || e.Broken {
		return false
	}
	return e.Death == Killed || e.Death == Unknown || e.Death == NotEnded
}

// starved is rule 4. A tree that lost a member to its own limit ends in its
// own way: the shell around the victim exits with 137. A kill for somebody
// else's limit is proved for the process itself only, by its SIGKILL.
func (e Ending) starved() bool {
	if e.Reply != NoReply || e.Broken {
		return false
	}
	return e.OOM == OOMOwn && e.Death != NotEnded || e.OOM == OOMElsewhere && e.Death == Killed
}

// failed is rule 5.
func (e Ending) failed() bool {
	if e.Function {
		return e.Reply == Error
	}
	return e.Death == ExitOther
}
