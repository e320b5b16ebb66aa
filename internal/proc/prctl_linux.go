package proc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// getSubreaper reports whether this process is a child subreaper. The kernel
// writes the answer to an int in memory.
func getSubreaper() (bool, error) {
	var v int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&v)), 0, 0, 0)
	return v != 0, err
}
