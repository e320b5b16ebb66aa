//go:build !linux

package proc

import "time"

// Offspring tells a process what its own code has started and left running.
// This system does not say; what is left ends with the worker.
type Offspring struct{}

// NewOffspring starts to count.
func NewOffspring() *Offspring { return &Offspring{} }

// Left returns 0.
func (*Offspring) Left(time.Duration, bool) int { return 0 }
