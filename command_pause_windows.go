package cutoff

import (
	"errors"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// Nothing stops a job object's processes.
const canPause = false

func stopTree(*proc.Tree) error { return errors.ErrUnsupported }

func continueTree(*proc.Tree) error { return errors.ErrUnsupported }
