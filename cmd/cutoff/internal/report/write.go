package report

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// Format is a form in which a report can be written.
type Format string

// The formats. docs/REPORT.md says what is in each.
const (
	Text   Format = "txt"
	HTML   Format = "html"
	SVG    Format = "svg"
	PNG    Format = "png"
	CSV    Format = "csv"
	JSON   Format = "json"
	JUnit  Format = "xml"
	Trace  Format = "trace.json"
	JobLog Format = "joblog"
)

// Formats lists them all.
var Formats = []Format{HTML, SVG, PNG, Text, CSV, JSON, JUnit, Trace, JobLog}

// ErrNoTasks says that a journal has nothing to draw.
var ErrNoTasks = errors.New("the journal has no tasks yet: run the batch, or look again when its first task has started")

// Write writes the report of a journal. Its memory does not grow with the
// number of tasks. The same journal gives the same bytes.
//
// A journal that has no task yet is [ErrNoTasks] for what is made to be looked
// at, and an empty list for the others. The journal is read from its start,
// for JUnit twice.
func Write(w io.Writer, f Format, journal io.ReadSeeker) (Damage, error) {
	if !slices.Contains(Formats, f) {
		return Damage{}, fmt.Errorf("unknown format %q", f)
	}
	if err := rewind(journal); err != nil {
		return Damage{}, err
	}
	switch f {
	case CSV:
		return writeCSV(w, journal)
	case JSON:
		return writeJSON(w, journal)
	case Trace:
		return writeTrace(w, journal)
	case JobLog:
		return writeJobLog(w, journal)
	case JUnit:
		return writeJUnit(w, journal)
	case HTML, Text:
		d, err := collectDetail(journal)
		if err != nil {
			return Damage{}, err
		}
		if d.Tasks() == 0 {
			return d.Damage, ErrNoTasks
		}
		if f == HTML {
			return d.Damage, writePage(w, d, journal)
		}
		return d.Damage, writeText(w, d)
	}
	s, err := Collect(journal)
	if err != nil {
		return Damage{}, err
	}
	return s.Damage, s.Timeline(w, f)
}

func rewind(r io.Seeker) error {
	_, err := r.Seek(0, io.SeekStart)
	return err
}
