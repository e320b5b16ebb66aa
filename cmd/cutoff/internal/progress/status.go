package progress

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/cutoff-run/cutoff"
)

// Status is how a batch stands, as a line of JSON (docs/BATCH.md).
type Status struct {
	Elapsed  time.Duration            `json:"elapsed_ns"`
	Tasks    int64                    `json:"tasks,omitempty"` // of the input; zero if that is not known
	Done     int64                    `json:"done"`            // that have their outcome
	Skipped  int64                    `json:"skipped"`         // of those, by an earlier run
	Running  int                      `json:"running"`         // attempts
	Waiting  int                      `json:"waiting"`         // tasks that will run again
	Outcomes map[cutoff.Outcome]int64 `json:"outcomes"`        // of those that are done
	Time     time.Duration            `json:"time_ns"`         // of all attempts that have ended
	CutOff   time.Duration            `json:"cutoff_time_ns"`  // of those that were cut off
	Rate     float64                  `json:"rate,omitempty"`  // tasks a second over the last 30 s; zero if that is not known yet
	Left     time.Duration            `json:"left_ns,omitempty"`
	Latest   *time.Time               `json:"latest,omitempty"` // when the batch ends at the latest
	Stopping bool                     `json:"stopping,omitempty"`
}

// json returns the status in a line. v.mu is held.
func (v *View) json(now time.Time) string {
	s := Status{
		Elapsed: now.Sub(v.start), Tasks: v.total, Done: v.done, Skipped: v.skipped,
		Running: len(v.running), Waiting: len(v.waiting), Outcomes: maps.Clone(v.counts),
		Time: v.time, CutOff: v.cutTime, Rate: v.rate(), Left: v.left(), Stopping: v.stopping,
	}
	if !v.latest.IsZero() {
		s.Latest = &v.latest
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // numbers alone
	}
	return string(b) + "\n"
}
