package batch

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff"
)

// TempDirs are the temporary directories of attempts, each of which has one of
// its own. They may be used by several goroutines.
//
// To make and to remove a directory takes a fifth of the time of a very short
// command. So one that a short attempt has not touched is given to another, under
// a name that was never there before.
type TempDirs struct {
	root string

	mu   sync.Mutex
	free []tempDir // each under the name of its next attempt
}

// tempDir is an empty directory as it was when an attempt got it.
type tempDir struct {
	path  string
	stamp stamp
}

// NewTempDirs has the directories made in root. Whoever removes root when all
// attempts have ended removes all that is left of them.
func NewTempDirs(root string) *TempDirs { return &TempDirs{root: root} }

// take returns a directory for an attempt, as this process's temporary
// directories are: for its user alone.
func (t *TempDirs) take() (tempDir, error) {
	t.mu.Lock()
	if last := len(t.free) - 1; last >= 0 {
		d := t.free[last]
		t.free = t.free[:last]
		t.mu.Unlock()
		return d, nil
	}
	t.mu.Unlock()
	path, err := os.MkdirTemp(t.root, "task-")
	if err != nil {
		return tempDir{}, err
	}
	return tempDir{path, stampOf(path)}, nil
}

// reuseWall is how long an attempt may have taken at most for another to get its
// directory. For longer ones it is not worth it, and they could have given theirs
// to somebody else, a daemon or a container, who goes on using it.
const reuseWall = 50 * time.Millisecond

// giveBack ends the use of a directory: nothing is found under its name any more.
func (t *TempDirs) giveBack(d tempDir, r cutoff.Result, l cutoff.Leftovers) {
	nobodyLeft := l != cutoff.LeaveLeftovers && r.Leaked == 0 && (r.Outcome == cutoff.OK || r.Outcome == cutoff.Failed)
	if nobodyLeft && r.Wall <= reuseWall && d.isUntouched() {
		next := filepath.Join(t.root, fmt.Sprintf("task-%016x", rand.Uint64()))
		if os.Rename(d.path, next) == nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.free = append(t.free, tempDir{next, stampOf(next)})
			return
		}
	}
	_ = RemoveTempDir(d.path) // who removes root will see what is left
}

// isUntouched reports whether the directory is as it was, and empty.
func (d tempDir) isUntouched() bool {
	if d.stamp == (stamp{}) || stampOf(d.path) != d.stamp {
		return false
	}
	f, err := os.Open(d.path)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.Readdirnames(1) // a change within one tick of its clock is in no stamp
	return err == io.EOF
}

// RemoveTempDir removes a directory with all that is in it, also from where an
// attempt has taken its own right to: one of an attempt's, or what a
// [CommandRunner] that did not live to remove them has left of its TempDirs.
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
