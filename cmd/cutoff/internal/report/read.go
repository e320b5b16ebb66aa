package report

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// Damage is what a journal holds beside records.
type Damage struct {
	// BadLines counts lines that are no records; they were skipped. FirstBad
	// is the first of them, nil if there is none.
	BadLines int
	FirstBad error
}

// scan calls each with every record of a journal, in their order.
func scan(r io.Reader, each func(journal.Record) error) (Damage, error) {
	var d Damage
	for rec, err := range journal.Read(r) {
		var line *journal.LineError
		switch {
		case errors.As(err, &line):
			if d.BadLines++; d.FirstBad == nil {
				d.FirstBad = line
			}
			continue
		case err != nil:
			return d, err
		}
		if err := each(rec); err != nil {
			return d, err
		}
	}
	return d, nil
}

// attempt is one run of a task as the journal tells it, or a task that was
// given up without one.
type attempt struct {
	run    int             // of the journal's runs, from 1
	header *journal.Header // of that run
	begun  time.Time       // when the start was recorded; zero if none was
	ended  bool            // the journal says how it ended
	// Ended is the end's record. Without one it holds the task, the number of
	// the attempt and, as the start, begun; Outcome is empty.
	journal.Ended
}

// limits returns those that were in force.
func (a *attempt) limits() cutoff.Limits {
	if a.Task.Limits != nil {
		return *a.Task.Limits
	}
	return a.header.Limits
}

// class is that of the attempt's outcome.
func (a *attempt) class() class {
	if !a.ended {
		return classNoEnd
	}
	return classOf(a.Outcome)
}

// start returns when the work started, as exactly as it is known.
func (a *attempt) start() time.Time {
	switch {
	case !a.Result.Started.IsZero():
		return a.Result.Started
	case !a.begun.IsZero():
		return a.begun
	}
	return a.Time.Add(-a.Wall)
}

// maxOpen bounds the attempts whose end is awaited. A batch has one for each
// slot; only a made up journal has more.
const maxOpen = 1 << 16

// attempts turns records into attempts, in the order of their ends. What has
// no end comes when its run ends. Its memory is that of what ran at a time.
type attempts struct {
	each   func(*attempt) error
	run    int
	header *journal.Header
	open   map[taskKey]*journal.Started
}

func newAttempts(each func(*attempt) error) *attempts {
	return &attempts{each: each, open: map[taskKey]*journal.Started{}}
}

func (as *attempts) record(rec journal.Record) error {
	switch rec := rec.(type) {
	case *journal.Header:
		if err := as.finish(); err != nil {
			return err
		}
		as.run++
		as.header = rec
	case *journal.Started:
		return as.started(rec)
	case *journal.Ended:
		a := &attempt{run: as.run, header: as.header, ended: true, Ended: *rec}
		key := keyOf(&rec.Task)
		// What could not run has the attempt 0 at its end.
		if s := as.open[key]; s != nil && (s.Attempt == rec.Attempt || rec.Attempt == 0) {
			a.begun = s.Time
			delete(as.open, key)
		}
		return as.each(a)
	}
	return nil
}

func (as *attempts) started(rec *journal.Started) error {
	key := keyOf(&rec.Task)
	if old := as.open[key]; old != nil { // the line of its end is missing
		delete(as.open, key)
		if err := as.each(as.endless(old)); err != nil {
			return err
		}
	}
	if len(as.open) == maxOpen {
		return as.each(as.endless(rec))
	}
	as.open[key] = rec
	return nil
}

// finish hands over what has no end. It is called behind the last record.
func (as *attempts) finish() error {
	var left []*journal.Started
	for _, s := range as.open {
		left = append(left, s)
	}
	clear(as.open)
	slices.SortFunc(left, func(a, b *journal.Started) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Occurrence, b.Occurrence))
	})
	for _, s := range left {
		if err := as.each(as.endless(s)); err != nil {
			return err
		}
	}
	return nil
}

func (as *attempts) endless(s *journal.Started) *attempt {
	a := &attempt{run: as.run, header: as.header, begun: s.Time}
	a.Task, a.Attempt, a.Result.Started = s.Task, s.Attempt, s.Time
	return a
}

// eachAttempt reads a journal from its start and calls each for every attempt.
func eachAttempt(r io.Reader, each func(*attempt) error) (Damage, error) {
	as := newAttempts(each)
	d, err := scan(r, as.record)
	if err == nil {
		err = as.finish()
	}
	return d, err
}
