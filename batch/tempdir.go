package batch

import (
	"io/fs"
	"os"
	"path/filepath"
)

// makeTemp makes the temporary directory of an attempt, as this process's
// temporary directories are: for its user alone.
func makeTemp(root string) (string, error) { return os.MkdirTemp(root, "task-") }

// removeTemp removes it with all that is in it, also from where the attempt has
// taken its own right to.
func removeTemp(dir string) error {
	if os.RemoveAll(dir) == nil {
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
