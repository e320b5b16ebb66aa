//go:build unix

package proc

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// SignalName returns the name of the signal that ended the leader ("SIGKILL"),
// or "" if none did.
func (s Status) SignalName() string {
	if s.Signal == 0 {
		return ""
	}
	if name := unix.SignalName(s.Signal); name != "" {
		return name
	}
	return fmt.Sprintf("SIG%d", int(s.Signal)) // a real-time signal
}

// mayBeCPULimit reports whether the leader ended as the kernel ends a process
// at its limit of processor time.
func (s Status) mayBeCPULimit() bool {
	return s.Signal == syscall.SIGXCPU || s.Signal == syscall.SIGKILL
}
