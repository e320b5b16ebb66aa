package journal

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/cutoff-run/cutoff"
)

// State is what a journal says of each task, over all of its runs: what a
// later run must know to go on. It needs 65 to 130 bytes of memory for each
// task, some more for one that was retried, and can be used by several
// goroutines.
type State struct {
	// Runs is how many runs wrote the journal.
	Runs int
	// BadLines counts the lines that are no records, FirstBad is about the
	// first; see [LineError].
	BadLines int
	FirstBad error

	tasks    map[taskKey]taskState
	retried  map[taskKey][]cutoff.Outcome // of the few tasks that have such attempts
	outcomes []cutoff.Outcome             // that taskState.outcome counts through, from 1
	settled  int
}

// TaskState is what a journal says of one task.
type TaskState struct {
	// Settled: the task has its outcome. It has not if it was only started,
	// if it was to run again, or if the batch was stopped and with it the task
	// (canceled, notstarted).
	Settled bool
	// Outcome and Wall are those of the task's last end; empty if it has
	// none. Of a settled task they are those of the last end that settled it.
	Outcome cutoff.Outcome
	Wall    time.Duration
	// Attempts is the highest number that an attempt of the task has had. The
	// next one is above it, so that no two attempts share a number.
	Attempts int
	// Retried are the outcomes of the attempts after which the task was to run
	// again ([Ended.Retry]), in their order: what a rule that counts retries
	// has to know. The slice is not to be changed.
	Retried []cutoff.Outcome
}

// digest is an identity in half of its length and without a string's header.
type digest [sha256.Size]byte

// digestOf takes the hexadecimal form of an identity apart. Another text is no
// identity of ours, and is hashed; none at all is zero, as where the field is
// left out.
func digestOf(identity []byte) (d digest) {
	if len(identity) == 0 {
		return d
	}
	if len(identity) == 2*len(d) {
		if _, err := hex.Decode(d[:], identity); err == nil {
			return d
		}
	}
	return sha256.Sum256(identity)
}

type taskKey struct {
	identity   digest
	occurrence int32
}

type taskState struct {
	wall     time.Duration
	attempts int32
	outcome  uint8 // index in State.outcomes, plus 1
	settled  bool
}

// ReadState reads a journal to its end. It is some ten times as fast as
// [Read]. Lines that are no records are counted and skipped; an error is one
// that ends Read.
func ReadState(r io.Reader) (*State, error) {
	rd := newReader(bufio.NewReaderSize(r, 256<<10))
	if _, err := rd.header(); err != nil {
		return nil, err
	}
	s := &State{Runs: 1, tasks: map[taskKey]taskState{}, retried: map[taskKey][]cutoff.Outcome{}}
	for {
		whole, err := rd.readLine()
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		if b, ok := scan(rd.buf); ok && len(rd.buf) <= maxLine {
			s.note(b)
			continue
		}
		if err := s.slow(rd, whole); err != nil {
			return nil, err
		}
	}
}

// slow takes a line that is not one for the scanner.
func (s *State) slow(rd *reader, whole bool) error {
	rec, err := rd.record(whole)
	var line *LineError
	switch {
	case errors.As(err, &line):
		if s.BadLines++; s.FirstBad == nil {
			s.FirstBad = line
		}
		return nil
	case err != nil:
		return err
	}
	switch rec.(type) {
	case *Header:
		s.Runs++
	case *Started, *Ended:
		s.note(briefOf(rec))
	}
	return nil
}

// note takes a record. What has an outcome keeps one.
func (s *State) note(b brief) {
	k := taskKey{b.identity, int32(b.occurrence)}
	t := s.tasks[k]
	t.attempts = max(t.attempts, int32(b.attempt))
	settles := b.ended && !b.retry && settles(b.outcome)
	if settles && !t.settled {
		s.settled++
	}
	if b.ended && (settles || !t.settled) {
		t.outcome, t.wall, t.settled = s.intern(b.outcome), b.wall, settles
	}
	if b.ended && b.retry {
		s.retried[k] = append(s.retried[k], b.outcome)
	}
	s.tasks[k] = t
}

// settles reports whether an outcome is the task's own and not that of a
// batch that was stopped.
func settles(o cutoff.Outcome) bool {
	return o != "" && o != cutoff.Canceled && o != cutoff.NotStarted
}

// intern returns the number of an outcome. Later versions may have more of
// them; those of a damaged file beyond a byte's range go without a name.
func (s *State) intern(o cutoff.Outcome) uint8 {
	i := slices.Index(s.outcomes, o)
	if i < 0 {
		if len(s.outcomes) == 255 {
			return 0
		}
		i = len(s.outcomes)
		s.outcomes = append(s.outcomes, o)
	}
	return uint8(i + 1)
}

// Find returns what the journal says of a task; false if it does not know it.
// A nil State knows none.
func (s *State) Find(identity string, occurrence int) (TaskState, bool) {
	if s == nil {
		return TaskState{}, false
	}
	k := taskKey{digestOf([]byte(identity)), int32(occurrence)}
	t, ok := s.tasks[k]
	if !ok {
		return TaskState{}, false
	}
	return s.public(k, t), true
}

func (s *State) public(k taskKey, t taskState) TaskState {
	p := TaskState{Settled: t.settled, Wall: t.wall, Attempts: int(t.attempts), Retried: s.retried[k]}
	if t.outcome > 0 {
		p.Outcome = s.outcomes[t.outcome-1]
	}
	return p
}

// Tasks returns how many tasks the journal knows.
func (s *State) Tasks() int { return len(s.tasks) }

// Settled returns how many of them have their outcome.
func (s *State) Settled() int { return s.settled }

// Count returns how many tasks are in a state that is wanted.
func (s *State) Count(wanted func(TaskState) bool) int {
	n := 0
	for k, t := range s.tasks {
		if wanted(s.public(k, t)) {
			n++
		}
	}
	return n
}

// Resume goes on with an existing journal, as [Append] does, and returns what
// the runs before this one have done. The file is locked before it is read:
// nobody adds to it in between.
func Resume(path string, h Header, opts Options) (*Writer, *State, error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil, nil, named(path, fmt.Errorf("%w: it is no file", ErrNotJournal))
	}
	var s *State
	read := func(path string, size int64) (before string, err error) {
		if before, err = endTornLine(path, size); err != nil {
			return "", err
		}
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		s, err = ReadState(f)
		return before, err
	}
	w, err := appendTo(path, h, opts, read)
	if err != nil {
		return nil, nil, err
	}
	return w, s, nil
}
