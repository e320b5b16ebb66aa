package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
	"github.com/cutoff-run/cutoff/journal"
)

// What resume and rerun share: the command line of a batch, from the header of
// its journal, and a choice among its tasks.
//
// Both read the input of the batch again. The journal does not hold it: not
// the lines that were never reached, and of the tasks' own environment and
// standard input only a hash. A task is told by that hash and its place among
// equals, never by its number, so that an edited list can do no harm.

// again is what resume and rerun add to the options of a batch.
type again struct {
	resume  bool     // the journal is gone on with
	argv    []string // of the header; nil means this program's
	filters []*filter
}

// reads reports whether the input is one that was read before.
func (a *again) reads() bool { return a.resume || len(a.filters) > 0 }

// missing counts the tasks that the filters wait for and that did not come.
func (a *again) missing() (n int64) {
	for _, f := range a.filters {
		n += f.wanted - f.passed
	}
	return n
}

// filter lets the tasks pass of which an earlier journal says what is asked.
type filter struct {
	state *journal.State
	pass  func(t journal.TaskState, known bool) bool
	// limits are set for this run: those that are set take the place of the
	// task's own.
	limits cutoff.Limits
	// wanted is how many tasks are expected, passed how many have come.
	wanted, passed int64
}

func (f *filter) of(tasks iter.Seq2[batch.Task, error]) iter.Seq2[batch.Task, error] {
	return func(yield func(batch.Task, error) bool) {
		var occurred journal.Occurrences
		for t, err := range tasks {
			if err == nil {
				id := t.Work().Identity()
				if !f.pass(f.state.Find(id, occurred.Next(id))) {
					continue
				}
				f.passed++
				t.Limits = without(t.Limits, f.limits)
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// unsettled is the choice of a resume.
func unsettled(t journal.TaskState, _ bool) bool { return !t.Settled }

// readHeader returns the header of the first run in a journal.
func readHeader(path string) (*journal.Header, error) {
	f, err := openJournalFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for rec, err := range journal.Read(f) {
		if err != nil {
			return nil, journalError(path, err)
		}
		return rec.(*journal.Header), nil // always the first
	}
	return nil, nil // never: no record is an error
}

// readState reads a whole journal, and tells of what it cannot read.
func readState(path string) (*journal.State, error) {
	f, err := openJournalFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := journal.ReadState(f)
	if err != nil {
		return nil, journalError(path, err)
	}
	tellBadLines(os.Stderr, path, s.BadLines, s.FirstBad)
	return s, nil
}

func openJournalFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("%s: there is no such file; a journal is what 'cutoff batch --journal FILE' writes", path)
	}
	if err != nil {
		return nil, usageError{err}
	}
	return f, nil
}

func journalError(path string, err error) error {
	if errors.Is(err, journal.ErrNotJournal) {
		return usagef("%s: %w; a journal is what 'cutoff batch --journal FILE' writes", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// tellState says what a resume begins with.
func tellState(w io.Writer, path string, s *journal.State) {
	tellBadLines(w, path, s.BadLines, s.FirstBad)
	fmt.Fprintf(w, "cutoff: going on with %s: %s ended, %s begun or given up\n", progress.OneLine(path, 200),
		progress.Counted(int64(s.Settled()), "task"), progress.Count(int64(s.Tasks()-s.Settled())))
}

// recorded is a batch as a journal's header describes it.
type recorded struct {
	o    *batchOptions
	args []string // as the command batch takes them
	dir  string   // where it ran
}

// recordedBy reads the command line of a header. The working directory is what the
// header says: a relative name in the command line counts from there.
func recordedBy(path string, h *journal.Header) (*recorded, error) {
	name := ""
	if len(h.Argv) > 1 {
		name = h.Argv[1]
	}
	switch name {
	case "batch":
		o := new(batchOptions)
		cmd := batchCommand(o)
		args, err := parseAgain(path, cmd, h)
		if err != nil {
			return nil, err
		}
		if err := o.check(cmd); err != nil {
			return nil, badHeader(path, err)
		}
		o.pace.seed = h.Seed
		return &recorded{o: o, args: args, dir: h.Dir}, nil
	case "rerun":
		o := new(rerunOptions)
		cmd := rerunCommand(o)
		args, err := parseAgain(path, cmd, h)
		if err != nil {
			return nil, err
		}
		if err := oneJournal(cmd, args); err != nil {
			return nil, badHeader(path, err)
		}
		return o.recorded(cmd, args[0])
	}
	return nil, usagef("%s was not written by 'cutoff batch' but by %q: only that program knows its tasks", path, h.Argv)
}

func parseAgain(path string, cmd *cobra.Command, h *journal.Header) ([]string, error) {
	if err := cmd.ParseFlags(h.Argv[2:]); err != nil {
		return nil, badHeader(path, err)
	}
	return cmd.Flags().Args(), nil
}

// badHeader is about a command line that this version does not understand.
func badHeader(path string, err error) error {
	return fmt.Errorf("%s: the command line in its header does not suit this version of cutoff: %w", path, err)
}

// enter makes the directory of the job the current one.
func (j *recorded) enter() error {
	if err := os.Chdir(j.dir); err != nil {
		return usagef("cannot go to the directory that the batch ran in: %w", err)
	}
	return nil
}

// emptyAgain refuses an input that is empty where it was not before: a batch
// that read standard input, and whose input was not given again.
func emptyAgain(src source, s *journal.State, sum batch.Summary) error {
	if s == nil || !src.stdin || sum.Tasks > 0 || s.Tasks() == 0 {
		return nil
	}
	return usagef("the lines came from standard input, which is empty now: give them again")
}

// absolute is filepath.Abs, which fails only where there is no working
// directory; the name itself will do there.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
