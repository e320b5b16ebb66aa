package proc

import (
	"os"

	"golang.org/x/sys/unix"
)

// OutputPipe makes a pipe for what a process writes, which gets w.
func OutputPipe() (r, w *os.File, err error) { return pipe(1) }

// InputPipe makes a pipe for what a process reads, which gets r.
func InputPipe() (r, w *os.File, err error) { return pipe(0) }

// pipe makes a pipe of which one end, 0 or 1, is for a process. That one blocks,
// as programs expect of their streams; os.Pipe would have the netpoller watch it
// until Fd makes it block.
func pipe(its int) (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	if _, err := unix.FcntlInt(uintptr(fds[its]), unix.F_SETFL, 0); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), "|0"), os.NewFile(uintptr(fds[1]), "|1"), nil
}
