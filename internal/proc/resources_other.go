//go:build !linux

package proc

import (
	"fmt"
	"runtime"
)

// supported refuses everything: nothing would set it before the leader's first
// instruction.
func (r Resources) supported() error {
	if r.none() {
		return nil
	}
	return fmt.Errorf("%s: resources cannot be set for a command here, on Linux only: leave them zero", runtime.GOOS)
}

// Attainable says why the leader cannot get these resources, or nil.
func (r Resources) Attainable() error { return r.Check() }
