package cli

import "syscall"

// The real-time signals that programs may use: the C libraries keep the first
// two of the kernel's for themselves.
const (
	rtMin syscall.Signal = 34
	rtMax syscall.Signal = 64
)
