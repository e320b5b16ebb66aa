package proc

import (
	"fmt"
	"time"
)

// String says in words how the leader ended.
func (s Status) String() string {
	if s.Signal != 0 {
		return "signal " + s.SignalName()
	}
	return fmt.Sprintf("exit status %d", s.ExitCode)
}

// CPU is user and system time together.
func (s Status) CPU() time.Duration { return s.User + s.System }
