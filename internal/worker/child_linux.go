package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

// fSetSig is F_SETSIG of fcntl(2), which x/sys does not name.
const fSetSig = 10

// dieWithParent makes the kernel kill this process when the parent is gone.
//
// alive is the read end of a pipe whose other end only the parent holds. It is
// put into signal-driven mode with SIGKILL as its signal and this process as
// the receiver: when the last writer vanishes, for whatever reason, the kernel
// itself sends the kill. No thread, timer or handler of ours is needed, so it
// works while the function loops without a preemption point, sits in cgo, or
// the process is stopped. PR_SET_PDEATHSIG would follow the thread that
// started us, which a Go program may lose while it lives on.
func dieWithParent(alive *os.File) {
	fd := int(alive.Fd())
	set := func(cmd, arg int) error {
		_, err := unix.FcntlInt(uintptr(fd), cmd, arg)
		return err
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	for _, step := range []func() error{
		func() error { return err },
		func() error { return set(unix.F_SETOWN, os.Getpid()) },
		func() error { return set(fSetSig, int(unix.SIGKILL)) },
		func() error { return set(unix.F_SETFL, flags|unix.O_ASYNC) },
	} {
		if step() != nil {
			return // answer has to do
		}
	}
	// The parent may have died before the pipe was armed.
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 0); err == nil && n > 0 {
		os.Exit(ExitProtocol)
	}
}
