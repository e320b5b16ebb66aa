package batch

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// makeTemp makes the temporary directory of an attempt, as this process's
// temporary directories are: for its user alone.
func makeTemp(root string) (string, error) { return os.MkdirTemp(root, "task-") }

// RemoveTempDir removes a directory with all that is in it, also from where an
// attempt has taken its own right to: one of an attempt's, or what a
// [CommandRunner] that did not live to remove them has left in its TempDir.
// There need not be such a directory.
func RemoveTempDir(dir string) error {
	if syscall.Rmdir(dir) == nil || os.RemoveAll(dir) == nil { // most are empty
		return nil
	}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(name, 0o700) // before it is read: WalkDir calls first, then reads
		}
		return nil
	})
	return os.RemoveAll(dir)
}
