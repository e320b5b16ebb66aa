package report

import (
	"io"
	"time"

	"github.com/cutoff-run/cutoff/journal"
)

// The version of the JSON. A reader ignores fields that it does not know; a
// change of a field's meaning makes a new version.
const jsonVersion = 1

// jsonAttempt is a line of "attempts": the journal's own ended record, with
// what the records around it say.
type jsonAttempt struct {
	// Begun is when the start was recorded.
	Begun time.Time `json:"begun,omitzero"`
	// Type is left out: there is one type here. Time is that of the end.
	Type string    `json:"type,omitempty"`
	Time time.Time `json:"time,omitzero"`
	// Unfinished says that the journal has no end of this attempt.
	Unfinished bool `json:"unfinished,omitempty"`
	journal.Ended
}

// jsonSummary counts tasks, each by its last attempt.
type jsonSummary struct {
	Verdict    string        `json:"verdict"`
	Tasks      int64         `json:"tasks"`
	OK         int64         `json:"ok"`
	CutOff     int64         `json:"cut_off"`
	Failed     int64         `json:"failed"`
	Crashed    int64         `json:"crashed"`
	Canceled   int64         `json:"canceled"`
	NotStarted int64         `json:"not_started"`
	Unfinished int64         `json:"unfinished"`
	Retried    int64         `json:"retried_attempts"`
	Elapsed    time.Duration `json:"elapsed_ns"`
	Work       time.Duration `json:"work_ns"`
	CutOffWork time.Duration `json:"cut_off_work_ns"`
	BadLines   int           `json:"bad_lines,omitempty"`
}

func (s *Summary) json() jsonSummary {
	return jsonSummary{
		Verdict: s.Verdict(), Tasks: s.Tasks(),
		OK: s.count(classOK), CutOff: s.count(classCutOff),
		Failed: s.count(classFailed) - s.crashed, Crashed: s.crashed,
		Canceled: s.count(classCanceled), NotStarted: s.count(classNotStarted), Unfinished: s.count(classNoEnd),
		Retried: s.retried, Elapsed: s.Elapsed, Work: s.Work, CutOffWork: s.CutOffWork, BadLines: s.BadLines,
	}
}

// writeJSON writes an object a line at a time, so that it may be of any size:
// the runs of the journal, each with its header and attempts, and a summary.
func writeJSON(w io.Writer, r io.Reader) (Damage, error) {
	j := &jsonWriter{printer: printer{w: w}}
	s := newSummary()
	as := newAttempts(j.attempt)
	j.printf(`{"format":"cutoff-report","version":%d,"runs":[`, jsonVersion)
	d, err := scan(r, func(rec journal.Record) error {
		if err := as.record(rec); err != nil {
			return err
		}
		if h, ok := rec.(*journal.Header); ok {
			j.begin(h)
		}
		return s.record(rec)
	})
	if err == nil {
		err = as.finish()
	}
	if err != nil {
		return d, err
	}
	s.finish(d)
	j.printf("\n]}\n],\"summary\":")
	j.value(s.json())
	j.printf("}\n")
	return d, j.err
}

// jsonWriter writes until an error stops it.
type jsonWriter struct {
	printer
	runs, rows int
}

func (j *jsonWriter) begin(h *journal.Header) {
	if j.runs++; j.runs > 1 {
		j.printf("\n]},")
	}
	j.printf("\n{\"header\":")
	j.value(h)
	j.printf(",\"attempts\":[")
	j.rows = 0
}

func (j *jsonWriter) attempt(a *attempt) error {
	row := jsonAttempt{Begun: a.begun, Time: a.Time, Unfinished: !a.ended, Ended: a.Ended}
	limits := a.limits()
	row.Task.Limits = &limits
	if j.rows++; j.rows > 1 {
		j.printf(",")
	}
	j.printf("\n")
	j.value(row)
	return j.err
}
