//go:build !linux

package cli

import "syscall"

// No real-time signals here.
const (
	rtMin syscall.Signal = 0
	rtMax syscall.Signal = 0
)
