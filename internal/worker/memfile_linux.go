package worker

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// newMemory returns a file without a name that lives in memory. Nobody can
// execute it, which some machines demand; older ones do not know the flag.
func newMemory(name string, flags int) (*os.File, error) {
	flags |= unix.MFD_CLOEXEC
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// memoryFile returns a file without a name, in memory where that can be had.
func memoryFile() (*os.File, error) {
	f, err := newMemory("cutoff crash report", 0)
	if err != nil {
		return unnamedFile()
	}
	return f, nil
}
