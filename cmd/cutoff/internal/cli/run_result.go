package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cutoff-run/cutoff"
)

// openJSON opens the file that the Result goes to, before anything runs: a
// mistake in its name must not cost an hour of work. A descriptor that the
// caller opened is used as it is; the command does not get it.
func openJSON(name string) (*os.File, error) {
	dir, base := filepath.Split(name)
	if fd, err := strconv.ParseUint(base, 10, 31); err == nil && (dir == "/dev/fd/" || dir == "/proc/self/fd/") {
		if fd == 1 {
			return nil, fmt.Errorf("--json %s: standard output belongs to the command", quote(name))
		}
		return inheritedFile(int(fd), name)
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--json: %w", err)
	}
	return f, nil
}

// writeJSON writes the result as one line.
func writeJSON(f *os.File, res cutoff.Result) error {
	line, err := json.Marshal(res)
	if err != nil {
		return err
	}
	if _, err = f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	return nil
}
