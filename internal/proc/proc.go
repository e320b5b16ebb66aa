// Package proc runs one process tree: start, signal, kill all, wait, measure.
//
// A tree is a process (its leader) and everything it starts, however far it
// detaches itself. There is a file for each operating system and for each
// containment level; all of them offer the functions described here.
//
// The life of a tree:
//
//	t, err := proc.Start(spec)   // the leader runs
//	<-t.Exited()                 // the leader has ended and is reaped
//	st := t.Status()             // how; valid only after Exited
//	leaked, err := t.Close()     // kill what is left, give everything back
//
// Signal, Stop and Kill may be called at any time and any number of times,
// also after the end. Close must be called once for every tree.
//
// On Linux the keeper is started as well, with the first tree at the latest: one
// small process for the whole program that kills every tree when the program
// dies, however it dies.
// docs/CONTAINMENT.md says what each level promises.
package proc

import (
	"math"
	"os"
	"syscall"
	"time"
)

// Spec says what to start.
type Spec struct {
	// Level is the containment that the tree must have: without it the start
	// fails. "" means what the environment variable CUTOFF_CONTAINMENT says,
	// and without that the strongest level that can be had for this tree.
	Level Level
	// Path is the file to execute. It is not looked up in PATH.
	Path string
	// Args are the arguments, args[0] included.
	Args []string
	// Env is the whole environment; nil means an empty one.
	Env []string
	// Dir is the working directory; "" means the caller's.
	Dir string
	// Files become the descriptors 0, 1, 2, …; nil or missing ones of the
	// first three are the null device. Nothing else that this program opened
	// is passed on; what it inherited itself without close-on-exec is, as from
	// a shell.
	Files []*os.File
	// Resources are set before the leader's first instruction. To ask for any
	// costs a millisecond or two, unless the leader is a worker: then Path is
	// /proc/self/exe. They must have passed their Check. Linux only.
	Resources Resources
	// Memory, if not zero, has the kernel keep the tree's memory below so many
	// bytes and some more, where it can. A Watch is needed beside it in any
	// case. MemoryLater prepares for LimitMemory and sets no limit yet.
	Memory int64
	// MayLive says that Release may follow instead of Close. Unless Level asks
	// for it, such a tree gets no PID namespace: a daemon in one is known by
	// another pid outside than the one it writes to its pidfile.
	MayLive bool
	// Foreground keeps the leader in the caller's process group, so that it
	// may use the terminal. The zero value gives it a group of its own.
	Foreground bool
	// LastSignal, if set, is what the leader gets when this program dies, or
	// when the thread that called Start ends: the caller has locked it
	// (runtime.LockOSThread) for the leader's life. The tree then has a moment
	// (half a second) to end before it is killed. Linux only.
	LastSignal syscall.Signal
	// OnStop, if set, is called (from another goroutine) when the leader was
	// stopped by job control, with the signal that stopped it, and when it was
	// continued, with SIGCONT. It costs a thread for as long as the leader
	// lives. Not on Windows.
	OnStop func(sig syscall.Signal)

	handovers []handover // what the leader does first, see controls_linux.go
}

// MemoryLater is Spec.Memory for a tree whose limit comes later.
const MemoryLater = math.MaxInt64

// Status says how a leader ended and what it used.
type Status struct {
	// ExitCode is the exit status, -1 if a signal ended the leader.
	ExitCode int
	// Signal is the signal that ended the leader, 0 if it exited.
	Signal syscall.Signal
	// CoreDumped says that it left a core dump.
	CoreDumped bool
	// User and System are the processor times of the leader and of all
	// children it waited for.
	User, System time.Duration
	// MaxRSS is the peak resident set of the largest of these processes, in
	// bytes; 0 where the system does not say.
	MaxRSS int64
	// Ended is when the leader was reaped.
	Ended time.Time
}
