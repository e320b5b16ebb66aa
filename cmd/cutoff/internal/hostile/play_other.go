//go:build !linux

package hostile

import "slices"

// Nothing is played here: a fork that goes on in the same program is only to
// be had on Linux, where Go's system calls are the kernel's.
func init() { Children = slices.Clip(Children[:0]) }
