package cutoff

import (
	"github.com/cutoff-run/cutoff/internal/outcome"
	"github.com/cutoff-run/cutoff/internal/proc"
)

// decide names the reason an attempt ended.
func decide(e outcome.Ending) Outcome { return Outcome(outcome.Decide(e)) }

// deathOf returns how a process ended that has ended.
func deathOf(st proc.Status) outcome.Death {
	return outcome.DeathOf(st.ExitCode, st.Signal)
}

// memoryBy says who ended an attempt for its memory: whoever stopped it, and
// else the kernel.
func memoryBy(stopped MemoryBy, o proc.OOM) MemoryBy {
	switch {
	case stopped != "":
		return stopped
	case o.Own > 0:
		return ByKernel
	}
	return ByMachine
}
