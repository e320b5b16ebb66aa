//go:build unix && !linux

package cli

import (
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// otherTerminating are the other signals that the original passes on.
var otherTerminating = []syscall.Signal{
	unix.SIGILL, unix.SIGTRAP, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV, unix.SIGXCPU, unix.SIGXFSZ,
	unix.SIGSYS, unix.SIGVTALRM, unix.SIGPROF, unix.SIGIO,
}

// The requests of termios(4).
const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)

// unblockAlarm does nothing: there is no way to a thread's mask here.
func unblockAlarm() {}

// stopSelf stops this process: by SIGSTOP, since the runtime's handler of
// SIGTSTP cannot be taken off here.
func stopSelf() { _ = unix.Kill(unix.Getpid(), unix.SIGSTOP) }

// suspendSelf is the same here.
func suspendSelf() { stopSelf() }

// dieOf ends this process by the signal if the runtime has a way to, without a
// core dump of ours beside the command's. Otherwise it returns.
func dieOf(sig syscall.Signal) {
	switch sig {
	case unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGKILL:
	default:
		return
	}
	if unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) != nil {
		return
	}
	signal.Reset(sig)
	_ = unix.Kill(unix.Getpid(), sig)
	time.Sleep(time.Second) // it comes at once, but on any thread
}

// inheritedIgnored lists what was ignored when we were started, as far as the
// runtime tells.
func inheritedIgnored() (sigs []syscall.Signal) {
	for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGINT} {
		if signal.Ignored(sig) {
			sigs = append(sigs, sig)
		}
	}
	return sigs
}
