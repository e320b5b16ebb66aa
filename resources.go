package cutoff

import (
	"fmt"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// Resources are what a process gets of the machine, set before its first
// instruction and inherited by all that it starts. Unlike [Limits] the kernel
// keeps them, and reaching one stops nothing: the
// process sees a call fail, or runs later. What this program itself has is
// what they start from; to ask for more than the system grants is an error at
// the start. Each zero value leaves what this program has.
//
// They exist on Linux. A command that asks for some starts one to two
// milliseconds later. docs/LIMITS.md says more.
type Resources struct {
	// NoFile is how many files a process may have open, and one more than the
	// highest descriptor it may get (RLIMIT_NOFILE, soft and hard). Zero means
	// this program's limit.
	NoFile int64
	// Processes is how many processes and threads the tree may have for one
	// more to be started, where a cgroup with the controller pids can be had.
	// Elsewhere it is how many the user may have on the whole machine
	// (RLIMIT_NPROC, soft and hard): those count too that have nothing to do
	// with this program. Linux does not hold root to that, so there root may
	// not set it. Zero means this program's limit.
	Processes int64
	// NoCore means that a process that crashes leaves no core file (RLIMIT_CORE
	// is 0). Where kernel.core_pattern is a pipe, the program behind it decides.
	NoCore bool
	// Nice is added to this program's niceness, from -20 to 19. The sum ends at
	// -20, which runs first, and 19. To go down takes root. Zero adds nothing.
	Nice int
	// CPUs are the processors that may be used, by their numbers from 0. All of
	// them must be there. Empty means this program's.
	CPUs []int
}

// check is for the options' checks. Whether the system grants it shows at the
// start.
func (r Resources) check(of string) error {
	if err := proc.Resources(r).Check(); err != nil {
		return fmt.Errorf("cutoff: %s.Resources: %w", of, err)
	}
	return nil
}
