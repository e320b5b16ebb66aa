package cutoff

import (
	"os"

	"golang.org/x/sys/unix"
)

// unread returns how much the pipe holds.
func unread(f *os.File) (n int64) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if held, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil {
			n = int64(held)
		}
	})
	return n
}
