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
// On Linux the first tree also starts the keeper: one small process for the
// whole program that kills every tree when the program dies, however it dies.
// docs/CONTAINMENT.md says what each level promises.
package proc

import (
	"os"
	"syscall"
	"time"
)

// Level names the means that holds a tree together.
type Level string

// The levels, strongest first. Which one is in force depends on the operating
// system and on what the machine grants.
const (
	Cgroup Level = "cgroup" // Linux: a cgroup v2 of its own for each tree
	Sweep  Level = "sweep"  // Linux: child subreaper, process group and a sweep of /proc
	Job    Level = "job"    // Windows: a job object for each tree
	Group  Level = "group"  // other Unix: a process group; what leaves it is lost
)

// containmentVar forces a level ("cgroup", "sweep"); empty or "auto" means
// the strongest that can be had. It is read once, in forcedLevel.
const containmentVar = "CUTOFF_CONTAINMENT"

// forcedLevel returns the level that the environment asks for, or "".
func forcedLevel() Level {
	if l := os.Getenv(containmentVar); l != "auto" {
		return Level(l)
	}
	return ""
}

// Spec says what to start.
type Spec struct {
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
	// Foreground keeps the leader in the caller's process group, so that it
	// may use the terminal. The zero value gives it a group of its own.
	Foreground bool
	// LastSignal, if set, is what the leader gets when this program dies, or
	// when the thread that called Start ends: the caller has locked it
	// (runtime.LockOSThread) for the leader's life. The tree then has a moment
	// (two seconds) to end before it is killed. Linux only.
	LastSignal syscall.Signal
	// OnStop, if set, is called (from another goroutine) when the leader was
	// stopped by job control, with the signal that stopped it, and when it was
	// continued, with SIGCONT. It costs a thread for as long as the leader
	// lives. Not on Windows.
	OnStop func(sig syscall.Signal)
}

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

// Containment returns the level in force in this program. It is found once,
// by trying, at the first call of Containment or Start.
func Containment() Level { return levelInForce() }
