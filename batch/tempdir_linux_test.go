package batch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

var short = cutoff.Result{Outcome: cutoff.OK, Wall: time.Millisecond}

// TestTempDirReuse shows which directory another attempt may get: one that is as
// if it had just been made, of an attempt that has left nobody who may know it.
func TestTempDirReuse(t *testing.T) {
	in := func(name string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), nil, 0o600) }
	}
	for _, c := range []struct {
		name   string
		use    func(dir string) error
		result func(*cutoff.Result)
		left   cutoff.Leftovers
		reused bool
	}{
		{name: "untouched", reused: true},
		{name: "failed", result: func(r *cutoff.Result) { r.Outcome = cutoff.Failed }, reused: true},
		{name: "looked into", use: func(dir string) error { _, err := os.ReadDir(dir); return err }, reused: true},
		{name: "a file", use: in("file")},
		{name: "a hidden file", use: in(".file")},
		{name: "a directory", use: func(dir string) error { return os.Mkdir(filepath.Join(dir, "sub"), 0o700) }},
		{name: "another mode", use: func(dir string) error { return os.Chmod(dir, 0o755) }},
		{name: "no rights", use: func(dir string) error { return os.Chmod(dir, 0) }},
		{name: "removed", use: os.Remove},
		{name: "a link instead", use: func(dir string) error { return errors.Join(os.Remove(dir), os.Symlink("/", dir)) }},
		{name: "another instead", use: func(dir string) error {
			if err := os.Rename(dir, dir+".mine"); err != nil {
				return err
			}
			return os.Mkdir(dir, 0o700)
		}},
		{name: "cut off", result: func(r *cutoff.Result) { r.Outcome = cutoff.Timeout }},
		{name: "crashed", result: func(r *cutoff.Result) { r.Outcome = cutoff.Crashed }},
		{name: "left a process", result: func(r *cutoff.Result) { r.Leaked = 1 }},
		{name: "may leave processes", left: cutoff.LeaveLeftovers},
		{name: "took long", result: func(r *cutoff.Result) { r.Wall = time.Minute }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dirs := NewTempDirs(t.TempDir())
			d, err := dirs.take()
			if err != nil {
				t.Fatal(err)
			}
			before, err := os.Stat(d.path)
			if err != nil {
				t.Fatal(err)
			}
			if c.use != nil {
				if err := c.use(d.path); err != nil {
					t.Fatal(err)
				}
			}
			r := short
			if c.result != nil {
				c.result(&r)
			}
			dirs.giveBack(d, r, c.left)
			if _, err := os.Lstat(d.path); !os.IsNotExist(err) {
				t.Errorf("it is still there: %v", err)
			}
			if reused := len(dirs.free) > 0; reused != c.reused {
				t.Errorf("reused: %v", reused)
			}
			next, err := dirs.take()
			if err != nil {
				t.Fatal(err)
			}
			after, err := os.Stat(next.path)
			if err != nil || after.Mode() != before.Mode() || next.path == d.path || len(dirs.free) > 0 {
				t.Errorf("the next one, %s: %v, %v", next.path, after, err)
			}
		})
	}
}
