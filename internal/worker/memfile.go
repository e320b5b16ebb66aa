package worker

import "os"

// unnamedFile returns a file in the directory for temporary ones that nobody
// else can open.
func unnamedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "cutoff-crash-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // where an open file cannot be removed, the temp directory keeps it
	return f, nil
}
