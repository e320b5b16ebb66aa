package cli

import (
	"fmt"

	"github.com/cutoff-run/cutoff"
)

// leftoversFlag is a flag for what becomes of processes that a task leaves
// behind.
type leftoversFlag cutoff.Leftovers

var leftoversWords = map[string]cutoff.Leftovers{"kill": cutoff.KillLeftovers, "leave": cutoff.LeaveLeftovers}

func (l *leftoversFlag) String() string {
	if *l == leftoversFlag(cutoff.LeaveLeftovers) {
		return "leave"
	}
	return "kill"
}

func (l *leftoversFlag) Type() string { return "kill|leave" }

func (l *leftoversFlag) Set(s string) error {
	v, ok := leftoversWords[s]
	if !ok {
		return fmt.Errorf("must be 'kill' or 'leave'")
	}
	*l = leftoversFlag(v)
	return nil
}
