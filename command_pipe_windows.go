package cutoff

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// drain does nothing: pipes have no deadlines here, and their end comes with
// the death of the job's last process.
func drain(*os.File, []byte, func([]byte)) {}

// brokenPipe reports whether err says that the command does not read its input
// any more, or that it has ended: no fault of anybody's.
func brokenPipe(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA) || errors.Is(err, os.ErrClosed)
}
