//go:build !linux

package proc

import (
	"fmt"
	"runtime"
	"slices"
)

// available says why a level cannot be had, or nil.
func available(l Level) error {
	if !slices.Contains(known, l) {
		return fmt.Errorf("%s has no such thing", runtime.GOOS)
	}
	return nil
}

func hint(Level) string { return "" }
