package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// maxRows is how many tasks a figure shows with a row and a name each.
const maxRows = 60

// A class is what a figure tells apart by color, mark and place.
type class int

// The classes, in the order of legends and of the profile.
const (
	classOK class = iota
	classFailed
	classCanceled
	classCutOff
	classNotStarted
	classNoEnd // started, and the journal says no more: it runs, or the batch died
	numClasses
)

func classOf(o cutoff.Outcome) class {
	switch {
	case o == cutoff.OK:
		return classOK
	case o.CutOff():
		return classCutOff
	case o == cutoff.Canceled:
		return classCanceled
	case o == cutoff.NotStarted:
		return classNotStarted
	}
	return classFailed // failed and crashed
}

// Summary is what a report needs of a journal.
type Summary struct {
	// Header is that of the last run.
	Header journal.Header
	// Elapsed is the wall time of the batch, over all runs.
	Elapsed time.Duration
	// Work is the wall time of all attempts together, CutOffWork that of those
	// that were cut off.
	Work, CutOffWork time.Duration
	// Damage is what was in the journal and is no record.
	Damage

	settled  [numClasses]histogram // the last attempt of every settled task
	retried  int64                 // attempts that another one followed
	open     int64                 // attempts of this run that have no end yet
	waits    map[taskKey]struct{}  // tasks of this run that wait for another attempt
	crashed  int64                 // settled tasks of classFailed that crashed
	unable   int64                 // settled tasks of this run that could not start
	ownLimit int64                 // settled tasks with a cutoff of their own

	rows     map[taskKey]int // index into order
	order    []row
	overflow bool // more than maxRows tasks: rows and order are nil

	runs           int
	runStart, last time.Time // of the present run
}

// taskKey tells tasks apart, also across the runs of a journal.
type taskKey struct {
	identity   string
	occurrence int
	seq        int64 // 0 where there is an identity
}

func keyOf(t *journal.Task) taskKey {
	if t.Identity == "" {
		return taskKey{seq: t.Seq}
	}
	return taskKey{identity: t.Identity, occurrence: t.Occurrence}
}

// row is a task in a figure: its latest attempt.
type row struct {
	key      taskKey
	name     string
	class    class
	wall     time.Duration
	ownLimit bool          // its cutoff is not that of the batch
	limit    time.Duration // its own cutoff; 0 means none
	note     string        // what the class does not say: "exit 3", "idle"
	attempt  int
}

// Collect reads a journal. Lines that are no records are counted and skipped.
func Collect(r io.Reader) (*Summary, error) {
	s := newSummary()
	damage, err := scan(r, s.record)
	if err != nil {
		return nil, err
	}
	s.finish(damage)
	return s, nil
}

func newSummary() *Summary { return &Summary{rows: map[taskKey]int{}, waits: map[taskKey]struct{}{}} }

// finish is called once, behind the last record.
func (s *Summary) finish(d Damage) {
	s.Damage = d
	s.closeRun()
}

func (s *Summary) record(rec journal.Record) error {
	switch rec := rec.(type) {
	case *journal.Header:
		s.header(rec)
	case *journal.Started:
		s.started(rec)
	case *journal.Ended:
		s.ended(rec)
	}
	return nil
}

// header begins a run. What an earlier run left unsettled or gave up runs
// again in this one, so that its word counts no more.
func (s *Summary) header(h *journal.Header) {
	s.closeRun()
	s.runs++
	s.Header = *h
	s.runStart, s.last = h.Time, h.Time
	s.open, s.unable = 0, 0
	clear(s.waits)
	s.settled[classCanceled], s.settled[classNotStarted] = histogram{}, histogram{}
}

func (s *Summary) closeRun() { s.Elapsed += s.last.Sub(s.runStart) }

func (s *Summary) started(r *journal.Started) {
	s.saw(r.Time)
	s.open++
	delete(s.waits, keyOf(&r.Task))
	s.put(&r.Task, row{class: classNoEnd, attempt: r.Attempt})
}

func (s *Summary) ended(r *journal.Ended) {
	s.saw(r.Time)
	c := classOf(r.Outcome)
	s.Work += r.Wall
	if c == classCutOff {
		s.CutOffWork += r.Wall
	}
	if ran(r) {
		s.open--
	}
	if r.Retry {
		s.retried++
		s.waits[keyOf(&r.Task)] = struct{}{}
		return // the row stays that of a task without an end
	}
	if r.Outcome == cutoff.Crashed {
		s.crashed++
	}
	if c == classNotStarted && ran(r) {
		s.unable++
	}
	if s.hasOwnLimit(&r.Task) {
		s.ownLimit++
	}
	s.settled[c].add(r.Wall)
	s.put(&r.Task, row{class: c, wall: r.Wall, note: noteOf(r), attempt: r.Attempt})
}

// ran says that a started record came before: also what could not run has one.
func ran(r *journal.Ended) bool { return r.Attempt > 0 || r.Slot > 0 }

// saw advances the clock of the run.
func (s *Summary) saw(t time.Time) {
	if t.After(s.last) {
		s.last = t
	}
}

func (s *Summary) hasOwnLimit(t *journal.Task) bool {
	return t.Limits != nil && t.Limits.Timeout != s.Header.Limits.Timeout
}

// put adds a row or replaces that of the task's earlier attempt.
func (s *Summary) put(t *journal.Task, r row) {
	if s.overflow {
		return
	}
	r.name = nameOf(t)
	if s.hasOwnLimit(t) {
		r.ownLimit, r.limit = true, t.Limits.Timeout
	}
	key := keyOf(t)
	r.key = key
	if i, ok := s.rows[key]; ok {
		s.order[i] = r
		return
	}
	if len(s.order) == maxRows {
		s.overflow, s.rows, s.order = true, nil, nil
		return
	}
	s.rows[key] = len(s.order)
	s.order = append(s.order, r)
}

// nameOf returns what the user knows the task by.
func nameOf(t *journal.Task) string {
	switch {
	case t.ID != "":
		return t.ID
	case len(t.Argv) > 0:
		return strings.Join(t.Argv, " ")
	case t.Cmd != "":
		return t.Cmd
	case t.Func != "":
		return t.Func
	}
	return fmt.Sprintf("task %d", t.Seq)
}

// noteOf says what the class does not.
func noteOf(r *journal.Ended) string {
	switch {
	case r.Outcome.CutOff() && r.Outcome != cutoff.Timeout:
		return string(r.Outcome)
	case r.Outcome == cutoff.Failed && r.ExitCode > 0:
		return fmt.Sprintf("exit %d", r.ExitCode)
	case r.Outcome == cutoff.Crashed && r.Signal != "":
		return r.Signal
	case r.Outcome == cutoff.Crashed:
		return "crashed"
	}
	return ""
}

// className names a class as it occurs in this journal.
func (s *Summary) className(c class) string {
	switch {
	case c == classFailed && s.crashed > 0 && s.crashed == s.count(c):
		return "crashed"
	case c == classFailed && s.crashed > 0:
		return "failed or crashed"
	}
	return looks[c].name
}

// count returns the number of tasks of a class.
func (s *Summary) count(c class) int64 {
	if c == classNoEnd {
		return max(s.open, 0) + int64(len(s.waits))
	}
	return s.settled[c].n
}

// Tasks returns how many tasks the journal tells of.
func (s *Summary) Tasks() int64 {
	n := int64(0)
	for c := range numClasses {
		n += s.count(c)
	}
	return n
}

// Verdict says in one line how the batch went.
func (s *Summary) Verdict() string {
	n := s.Tasks()
	noun := "tasks"
	if n == 1 {
		noun = "task"
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s %s in %s: %s ok, %s cut off", thousands(n), noun, shortDuration(s.Elapsed),
		thousands(s.count(classOK)), thousands(s.count(classCutOff)))
	if s.CutOffWork > 0 {
		fmt.Fprintf(b, " (%.1f %% of the time)", 100*s.CutOffWork.Seconds()/s.Work.Seconds())
	}
	fmt.Fprintf(b, ", %s failed", thousands(s.count(classFailed)-s.crashed))
	if s.crashed > 0 {
		fmt.Fprintf(b, ", %s crashed", thousands(s.crashed))
	}
	for _, c := range []class{classCanceled, classNotStarted, classNoEnd} {
		if n := s.count(c); n > 0 {
			fmt.Fprintf(b, ", %s %s", thousands(n), looks[c].name)
		}
	}
	return b.String()
}
