package advise

import (
	"encoding/json"
	"io"
	"time"
)

// The version of the JSON. A reader ignores fields that it does not know; a
// change of a field's meaning makes a new version.
const jsonVersion = 1

// jsonAdvice is the whole. docs/ADVISE.md has its fields.
type jsonAdvice struct {
	Format     string        `json:"format"`
	Version    int           `json:"version"`
	Kind       Kind          `json:"kind"`
	Verdict    string        `json:"verdict"`
	Keep       float64       `json:"keep"`
	Needed     int64         `json:"needed_results"`
	Attempts   int64         `json:"attempts"`
	Results    int64         `json:"results"`
	Without    int64         `json:"without_result"`
	Censored   int64         `json:"censored"`
	Unmeasured int64         `json:"unmeasured"`
	Limit      time.Duration `json:"present_limit_ns"`
	Mixed      bool          `json:"mixed_limits"`
	Rounded    bool          `json:"rounded"`
	BadLines   int           `json:"bad_lines"`
	Now        *jsonPoint    `json:"present"`
	Best       *jsonPoint    `json:"advised"`
	Table      []jsonPoint   `json:"table"`
	Curve      []jsonPoint   `json:"curve"`
}

type jsonPoint struct {
	Limit   time.Duration `json:"limit_ns"`
	Yield   float64       `json:"yield"`
	Low     float64       `json:"yield_low"`
	High    float64       `json:"yield_high"`
	Kept    float64       `json:"kept"`
	KeptLow float64       `json:"kept_low"`
	Saved   float64       `json:"saved"`
	Time    time.Duration `json:"time_ns"`
	Cost    time.Duration `json:"time_per_result_ns"`
}

func jsonPointOf(p Point) jsonPoint {
	return jsonPoint{p.Limit, p.Yield, p.Low, p.High, p.Kept, p.KeptLow, p.Saved, p.Time, p.Cost}
}

func jsonPoints(points []Point) []jsonPoint {
	out := make([]jsonPoint, 0, len(points))
	for _, p := range points {
		out = append(out, jsonPointOf(p))
	}
	return out
}

// WriteJSON writes the advice as one JSON object, numbers unrounded.
func (a *Advice) WriteJSON(w io.Writer) error {
	j := jsonAdvice{
		Format: "cutoff-advice", Version: jsonVersion, Kind: a.Kind, Verdict: a.Verdict(), Keep: a.Keep, Needed: a.Needed,
		Attempts: a.Attempts, Results: a.Results, Without: a.Without, Censored: a.Censored, Unmeasured: a.Unmeasured,
		Limit: a.Limit, Mixed: a.Mixed, Rounded: a.Rounded, BadLines: a.BadLines,
		Table: jsonPoints(a.Table), Curve: jsonPoints(a.Curve),
	}
	if a.Attempts > 0 {
		now := jsonPointOf(a.Now)
		j.Now = &now
	}
	if a.Best != nil {
		best := jsonPointOf(*a.Best)
		j.Best = &best
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(j)
}
