//go:build unix

package batch_test

import (
	"os/signal"
	"syscall"
)

func init() { helpers["crash"] = crash }

// crash ends the process by a signal. The runtime's own handlers would make
// an exit status of most signals; SIGKILL has none.
func crash() {
	signal.Reset()
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}
