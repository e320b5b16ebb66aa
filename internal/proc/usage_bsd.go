//go:build darwin || freebsd

package proc

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Here nothing tells what a process group uses together.

type measure struct{ sync.Mutex }

func (*measure) usage(*Tree) (Usage, error) { return Usage{}, errors.ErrUnsupported }

func (t *Tree) holdsMore(int64) bool { return false }

func (t *Tree) netCPU(time.Duration) {}

// workOf calls f and tells how long it took.
func workOf(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

func processors() int { return runtime.NumCPU() }

// Measurable says why a tree's processor time and memory cannot be measured.
func Measurable() error {
	return fmt.Errorf("processor time and memory of a process tree cannot be measured on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
