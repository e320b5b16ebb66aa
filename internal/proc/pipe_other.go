//go:build !linux

package proc

import "os"

// OutputPipe makes a pipe for what a process writes, which gets w.
func OutputPipe() (r, w *os.File, err error) { return os.Pipe() }

// InputPipe makes a pipe for what a process reads, which gets r.
func InputPipe() (r, w *os.File, err error) { return os.Pipe() }
