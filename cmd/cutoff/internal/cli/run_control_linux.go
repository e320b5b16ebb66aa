package cli

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// otherTerminating are the other signals that the original passes on.
var otherTerminating = []syscall.Signal{
	unix.SIGILL, unix.SIGTRAP, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV, unix.SIGXCPU, unix.SIGXFSZ,
	unix.SIGSYS, unix.SIGVTALRM, unix.SIGPROF, unix.SIGPOLL, unix.SIGPWR, unix.SIGSTKFLT,
}

// signalSet is a signal mask with one signal in it.
func signalSet(sig syscall.Signal) *unix.Sigset_t {
	var set unix.Sigset_t
	bits := int(8 * unsafe.Sizeof(set.Val[0]))
	set.Val[(int(sig)-1)/bits] |= 1 << ((int(sig) - 1) % bits)
	return &set
}

// The requests of termios(3).
const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
)

// unblockAlarm spares the command a mask that our parent left us: a blocked
// alarm would disable its own time-outs. The calling thread starts it.
func unblockAlarm() {
	_ = unix.PthreadSigmask(unix.SIG_UNBLOCK, signalSet(unix.SIGALRM), nil)
}

// action is a disposition as the kernel takes it, on every architecture: large
// enough, and all zeros for the default action. The runtime's own signal
// package cannot restore that once it has installed its handler.
type action [8]uint64

// kernelSigsetSize is the size of a mask of the kernel's 64 signals, in bytes.
const kernelSigsetSize = 8

func sigaction(sig syscall.Signal, act, old *action) {
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), kernelSigsetSize, 0, 0)
}

// raise sends this very thread a signal with its default action, which has
// happened when raise returns, and restores the handler.
func raise(sig syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var dfl, old action
	sigaction(sig, &dfl, &old)
	_ = unix.PthreadSigmask(unix.SIG_UNBLOCK, signalSet(sig), nil)
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), sig)
	sigaction(sig, &old, nil)
}

// stopSelf stops this process as Ctrl-Z does.
func stopSelf() { raise(syscall.SIGTSTP) }

// suspendSelf stops this process whether or not there is a shell to continue it:
// the kernel takes SIGTSTP for a mistake where there is none. It has happened
// when suspendSelf returns.
func suspendSelf() { raise(syscall.SIGSTOP) }

// dieOf ends this process by the signal, without a core dump of ours beside
// the command's. It returns if that cannot be (process 1 of a PID namespace).
func dieOf(sig syscall.Signal) {
	if unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) != nil {
		return
	}
	signal.Reset(sig)
	raise(sig)
}
