//go:build unix

package cutoff

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// maxPipe is more than a pipe can hold: what is read beyond it was written
// after the command's end, by somebody who has no part in it.
const maxPipe = 1 << 20

// drain hands on what is in the pipe and does not wait for more.
func drain(f *os.File, buf []byte, write func([]byte)) {
	raw, err := f.SyscallConn()
	if err != nil || f.SetReadDeadline(time.Time{}) != nil {
		return
	}
	for total := 0; total < maxPipe; {
		var n int
		var readErr error
		err := raw.Read(func(fd uintptr) bool {
			n, readErr = syscall.Read(int(fd), buf)
			return true // once: the descriptor does not block
		})
		if errors.Is(readErr, syscall.EINTR) {
			continue
		}
		if err != nil || readErr != nil || n <= 0 {
			return
		}
		write(buf[:n])
		total += n
	}
}

// brokenPipe reports whether err says that the command does not read its input
// any more, or that it has ended: no fault of anybody's.
func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed)
}
