package proc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestRemovals shows that what is to be removed is, and that nothing waits for it
// beyond a bound. To remove an empty directory is the same as to remove a cgroup.
func TestRemovals(t *testing.T) {
	root := t.TempDir()
	mkdir := func(name string) string {
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	gone := func(dir string) bool {
		_, err := os.Stat(dir)
		return errors.Is(err, fs.ErrNotExist)
	}
	var q removalQueue
	var dirs []string
	for i := range 20 {
		dirs = append(dirs, mkdir(strconv.Itoa(i)))
		q.add(dirs[i])
	}
	for _, dir := range dirs {
		for !gone(dir) {
			time.Sleep(time.Millisecond)
		}
	}
	full := removalQueue{dirs: dirs}
	for len(full.dirs) < mostRemovals {
		full.dirs = append(full.dirs, root)
	}
	last := mkdir("last")
	if full.add(last); !gone(last) || len(full.dirs) != mostRemovals {
		t.Errorf("%d wait, and the caller is told before it is removed", len(full.dirs))
	}
}
