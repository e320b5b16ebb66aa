package batch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cutoff-run/cutoff/journal"
)

// ErrResults marks an error of Options.Results.
var ErrResults = errors.New("batch: cannot write the results directory")

// The files of an attempt in the results directory.
const (
	resultStdout = "stdout"
	resultStderr = "stderr"
	resultRecord = "record.json"
)

// nameRunes bounds what of a task's ID is in the name of its directory.
const nameRunes = 60

// resultName returns the name of a task's directory: what can be read of its
// ID, and what tells it from all others, also in a later run of an edited list.
func resultName(t *journal.Task) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._+-", r):
			return r
		}
		return '_'
	}, t.ID)
	name = strings.TrimLeft(name[:min(len(name), nameRunes)], ".-") // neither hidden nor an option
	name += "-" + t.Identity[:12]
	if t.Occurrence > 1 {
		name += "-" + strconv.Itoa(t.Occurrence)
	}
	return name
}

// results are the files of one attempt; nil if nobody wants them.
type results struct {
	dir            string
	stdout, stderr *resultFile
}

// openResults makes the directory of an attempt, which must be new, and its
// files.
func openResults(root string, t *journal.Task, number int, most int64) (r *results, err error) {
	r = &results{dir: filepath.Join(root, resultName(t), strconv.Itoa(number))}
	if err = os.MkdirAll(filepath.Dir(r.dir), 0o777); err == nil {
		err = os.Mkdir(r.dir, 0o777)
	}
	if err == nil {
		r.stdout, err = newResultFile(filepath.Join(r.dir, resultStdout), most)
	}
	if err == nil {
		if r.stderr, err = newResultFile(filepath.Join(r.dir, resultStderr), most); err != nil {
			_ = r.stdout.f.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrResults, err)
	}
	return r, nil
}

// close closes the files of the output and returns the first error of the
// writing.
func (r *results) close() error {
	if r == nil {
		return nil
	}
	if err := errors.Join(r.stdout.close(), r.stderr.close()); err != nil {
		return fmt.Errorf("%w: %w", ErrResults, err)
	}
	return nil
}

// record writes how the attempt ended: the line that a journal has of it.
func (r *results) record(e *journal.Ended) error {
	line, err := journal.Encode(e)
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, resultRecord), line, 0o666)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrResults, err)
	}
	return nil
}

// resultFile is a file that keeps all that is written to it, or the beginning
// and the end: behind the first half is a ring for what came last. It is
// written from one goroutine.
type resultFile struct {
	f     *os.File
	half  int64 // of what it may hold; 0: all is kept
	total int64 // written by the task
	err   error // the first
}

func newResultFile(name string, most int64) (*resultFile, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &resultFile{f: f, half: (most + 1) / 2}, nil
}

// Write implements io.Writer. It never fails: close tells, and it is not the
// task's fault.
func (r *resultFile) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && r.err == nil {
		at, room := r.total, int64(len(p))
		switch {
		case r.half == 0:
		case at < r.half:
			room = min(room, r.half-at)
		default:
			in := (at - r.half) % r.half
			at, room = r.half+in, min(room, r.half-in)
		}
		_, r.err = r.f.WriteAt(p[:room], at)
		p = p[room:]
		r.total += room
	}
	return n, nil
}

func (r *resultFile) close() error {
	if r.err == nil && r.half > 0 && r.total > 2*r.half {
		r.err = r.straighten()
	}
	return errors.Join(r.err, r.f.Close())
}

// straighten writes the file anew, with the end in its order and a line before
// it that says how much is missing.
func (r *resultFile) straighten() error {
	name := r.f.Name()
	whole, err := os.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	oldest := r.half + (r.total-r.half)%r.half
	_, err = io.Copy(whole, io.MultiReader(
		io.NewSectionReader(r.f, 0, r.half),
		strings.NewReader(leftOut(r.total-2*r.half)),
		io.NewSectionReader(r.f, oldest, 2*r.half-oldest),
		io.NewSectionReader(r.f, r.half, oldest-r.half),
	))
	if err = errors.Join(err, whole.Close()); err == nil {
		err = os.Rename(whole.Name(), name)
	}
	if err != nil {
		_ = os.Remove(whole.Name())
	}
	return err
}

// leftOut is the line in the place of so many bytes.
func leftOut(n int64) string { return fmt.Sprintf("\n[… %d bytes are left out here …]\n", n) }
