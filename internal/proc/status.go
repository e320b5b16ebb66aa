package proc

import "fmt"

// String says in words how the leader ended.
func (s Status) String() string {
	if s.Signal != 0 {
		return "signal " + s.SignalName()
	}
	return fmt.Sprintf("exit status %d", s.ExitCode)
}
