package proc

import (
	"os"

	"golang.org/x/sys/unix"
)

// Package os hands every file to the netpoller, and those of a cgroup can be
// polled: that takes longer than to read one. They never make a reader wait.

// readFile reads a file of the kernel's.
func readFile(name string) ([]byte, error) {
	fd, err := openFile(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	b := make([]byte, 0, 512)
	for {
		n, err := uninterrupted(func() (int, error) { return unix.Read(fd, b[len(b):cap(b)]) })
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: name, Err: err}
		}
		if n == 0 {
			return b, nil
		}
		if b = b[:len(b)+n]; len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

// writeFile writes to a file of the kernel's that exists, in one write.
func writeFile(name, data string) error {
	fd, err := openFile(name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := uninterrupted(func() (int, error) { return unix.Write(fd, []byte(data)) }); err != nil {
		return &os.PathError{Op: "write", Path: name, Err: err}
	}
	return nil
}

func openFile(name string, flags int) (fd int, err error) {
	fd, err = uninterrupted(func() (int, error) { return unix.Open(name, flags|unix.O_CLOEXEC, 0) })
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

// uninterrupted calls f again when a signal came in between.
func uninterrupted(f func() (int, error)) (n int, err error) {
	for {
		if n, err = f(); err != unix.EINTR {
			return n, err
		}
	}
}
