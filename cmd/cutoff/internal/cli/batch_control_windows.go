package cli

import (
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

// control does nothing: there is no job control here, and no SIGUSR1.
func control(*batch.Commands, *progress.View) (release func()) { return func() {} }
