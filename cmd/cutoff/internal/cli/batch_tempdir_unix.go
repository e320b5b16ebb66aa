//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cli

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/batch"
)

// lockDir locks a directory until the program ends, however it ends. It is not
// ok if the directory is not there any more, or locked. A file system without
// locks leaves it unlocked.
func lockDir(dir string) (unlock func(), ok bool) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err == unix.EWOULDBLOCK || !sameDir(fd, dir) {
		_ = unix.Close(fd)
		return nil, false
	}
	return func() { _ = unix.Close(fd) }, true
}

// sameDir reports whether a name still is that of the open directory.
func sameDir(fd int, dir string) bool {
	var open, named unix.Stat_t
	return unix.Fstat(fd, &open) == nil && unix.Lstat(dir, &named) == nil && open.Ino == named.Ino && open.Dev == named.Dev
}

// removeAbandoned removes a directory of a batch of ours that is not there any
// more.
func removeAbandoned(dir string) {
	st, err := os.Lstat(dir)
	if err != nil || !st.IsDir() {
		return
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || int(sys.Uid) != os.Geteuid() {
		return
	}
	if unlock, ok := lockDir(dir); ok {
		_ = batch.RemoveTempDir(dir) // the next one tries again
		unlock()
	}
}
