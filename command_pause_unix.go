//go:build unix

package cutoff

import (
	"errors"
	"syscall"

	"github.com/cutoff-run/cutoff/internal/proc"
)

const canPause = true

// stopTree stops all processes of a tree. The second round is for those that
// were started during the first.
func stopTree(t *proc.Tree) error {
	return errors.Join(t.Signal(syscall.SIGSTOP), t.Signal(syscall.SIGSTOP))
}

func continueTree(t *proc.Tree) error { return t.Signal(syscall.SIGCONT) }
