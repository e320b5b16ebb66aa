package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile returns a file without a name that lives in memory.
func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("cutoff crash report", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "cutoff crash report"), nil
}
