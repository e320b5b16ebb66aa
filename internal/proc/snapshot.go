package proc

import (
	"fmt"
	"strings"
	"time"
)

// Patience stretches the bounds of every look at what is about to be stopped,
// in tests: on a machine that has other things to do, an answer takes as long
// as it takes. It is set before the first tree is started.
var Patience time.Duration = 1

// A Snapshot is a tree at one moment: who was there and what each was doing.
type Snapshot struct {
	// Processes are the members in the order of a tree: the leader first, each
	// followed by what it had started. Of many they are the leader and those
	// that were seen to have used the most processor time.
	Processes []Process
	// More is how many members there were besides.
	More int
}

// Process is a member of a tree at one moment.
type Process struct {
	PID   int
	Depth int           // below the leader; what lost its parent has 1
	State byte          // as ps(1) shows it: R runs, S waits, D waits in the kernel, T is stopped, Z is dead
	CPU   time.Duration // user and system time so far
	// Wait is what its main thread waited for, as the kernel names the place:
	// "do_wait", or, where that is not to be had, the system call:
	// "clock_nanosleep". It is empty for a process that ran.
	Wait    string
	Command string // the command line, or in brackets the name of a process that shows none
}

// tableHead is the first line of a Snapshot as a text.
const tableHead = "     PID STATE      CPU  WAITS IN             COMMAND"

// String is the snapshot as a table. The process that had used the most
// processor time is marked with an asterisk.
func (s Snapshot) String() string {
	if len(s.Processes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(tableHead)
	busiest := s.busiest()
	for i, p := range s.Processes {
		mark := ' '
		if i == busiest {
			mark = '*'
		}
		wait := p.Wait
		if wait == "" {
			wait = "-"
		}
		fmt.Fprintf(&b, "\n%c%7d %c     %7.2fs  %-20s %s%s", mark, p.PID, p.State, p.CPU.Seconds(), wait, strings.Repeat("  ", p.Depth), p.Command)
	}
	if s.More > 0 {
		fmt.Fprintf(&b, "\n         and %d more", s.More)
	}
	return b.String()
}

// busiest returns the index of the process that has used the most processor
// time; of equals the last, which is the innermost of those that wait for each
// other.
func (s Snapshot) busiest() (best int) {
	for i, p := range s.Processes {
		if p.CPU >= s.Processes[best].CPU {
			best = i
		}
	}
	return best
}
