//go:build !linux

package cutoff

import "os"

// executable is the path of the file this process runs. If another file takes
// the name, the fingerprints of pool and worker differ.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}
