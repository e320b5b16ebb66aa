//go:build !linux

package worker

import "os"

// memoryFile returns a file without a name.
func memoryFile() (*os.File, error) { return unnamedFile() }
