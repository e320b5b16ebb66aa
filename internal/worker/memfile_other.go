//go:build !linux

package worker

import "os"

// memoryFile returns a file that is gone when it is closed.
func memoryFile() (*os.File, error) {
	f, err := os.CreateTemp("", "cutoff-crash-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // where an open file cannot be removed, the temp directory keeps it
	return f, nil
}
