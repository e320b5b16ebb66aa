package doctor

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is all that was found. Its JSON form is documented in docs/DOCTOR.md.
type Report struct {
	Format      string    `json:"format"` // ReportFormat
	Major       int       `json:"major"`  // of the format: readers must know it
	Minor       int       `json:"minor"`
	Time        time.Time `json:"time"` // when the examination began
	User        int       `json:"user"` // the effective user id
	Containment string    `json:"containment"`
	Levels      []Level   `json:"levels"`
	Rounds      int       `json:"rounds"` // asked for, for each line
	Limit       int64     `json:"timeout_ns"`
	Lines       []Line    `json:"lines"`
	Missing     []Missing `json:"missing,omitempty"`
	Survivors   int       `json:"survivors"` // of cutoff's own lines
}

// The format of a report.
const (
	ReportFormat = "cutoff-doctor"
	ReportMajor  = 1
	ReportMinor  = 0
)

// Level is a means of containment and whether this user may have it here.
type Level struct {
	Level     string `json:"level"`
	Available bool   `json:"available"`
	InForce   bool   `json:"in_force"`         // the strongest that can be had
	Reason    string `json:"reason,omitempty"` // why it cannot be had
	Hint      string `json:"hint,omitempty"`   // what would make it available
}

// Missing is a peer that is not installed.
type Missing struct {
	Tool string `json:"tool"`
	Why  string `json:"why"`
}

// Sound reports whether nothing survived cutoff's own tools and each of them
// returned.
func (r *Report) Sound() bool {
	for _, l := range r.Lines {
		if l.Ours() && (l.Survivors > 0 || l.Lost > 0) {
			return false
		}
	}
	return true
}

// Unproved counts cutoff's own lines of which too few rounds count.
func (r *Report) Unproved() (n int) {
	for _, l := range r.Lines {
		if l.Ours() && l.Unproved != "" {
			n++
		}
	}
	return n
}

// Ours reports whether the line is about cutoff itself and not about a peer.
func (l Line) Ours() bool { return l.Containment != "" }

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	b := &strings.Builder{}
	r.levels(b)
	for _, c := range []struct {
		which Case
		title string
	}{
		{CutOff, fmt.Sprintf("Cut off at %v, %d times: from the deadline until the last process was gone", time.Duration(r.Limit), r.Rounds)},
		{Killed, fmt.Sprintf("The program that runs it killed by SIGKILL, %d times: from its death until the last process was gone", r.Rounds)},
	} {
		fmt.Fprintf(b, "\n%s\n\n", c.title)
		t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
		fmt.Fprint(t, "what\tby\tsurvivors\tmedian\tp99\tmax\t\n")
		for _, l := range r.Lines {
			if l.Case == c.which {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Title, l.by(), l.survivors(),
					l.show(l.Gone.Median), l.show(l.Gone.P99), l.show(l.Gone.Max), r.note(l))
			}
		}
		_ = t.Flush()
	}
	for _, m := range r.Missing {
		fmt.Fprintf(b, "\n%s is left out: %s\n", m.Tool, m.Why)
	}
	fmt.Fprintf(b, "\n%s\n", r.verdict())
	_, err := io.WriteString(w, trimLines(b.String()))
	return err
}

// trimLines removes the blanks at the ends of lines, which columns leave.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func (r *Report) levels(b *strings.Builder) {
	for _, l := range r.Levels {
		switch {
		case l.InForce:
			fmt.Fprintf(b, "containment %s: in force here\n", l.Level)
		case l.Available:
			fmt.Fprintf(b, "containment %s: can be had\n", l.Level)
		default:
			fmt.Fprintf(b, "containment %s: not to be had: %s\n", l.Level, l.Reason)
			if l.Hint != "" {
				fmt.Fprintf(b, "    to have it: %s\n", l.Hint)
			}
		}
	}
}

func (r *Report) verdict() string {
	rounds := 0
	for _, l := range r.Lines {
		if l.Ours() {
			rounds += l.Rounds
		}
	}
	switch {
	case r.Sound() && r.Unproved() > 0:
		return fmt.Sprintf("Nothing survived cutoff in %d rounds, but %d lines could not be examined: is the machine too busy?", rounds, r.Unproved())
	case r.Sound():
		return fmt.Sprintf("Nothing survived cutoff in %d rounds.", rounds)
	case r.Survivors == 0:
		return "cutoff did not return in time."
	}
	return fmt.Sprintf("SURVIVORS: %d processes outlived cutoff in %d rounds. They have been killed now.", r.Survivors, rounds)
}

// by names the tool and its level.
func (l Line) by() string {
	if l.Ours() {
		return l.Tool + " " + l.Containment
	}
	return l.Tool
}

func (l Line) survivors() string {
	switch {
	case l.Rounds == 0:
		return "-"
	case l.Survivors == 0:
		return "0"
	}
	return fmt.Sprintf("%d in %d of %d", l.Survivors, l.Survived, l.Rounds)
}

// note says what was odd.
func (r *Report) note(l Line) string {
	var notes []string
	if l.Case == CutOff && int64(l.Limit) != r.Limit {
		notes = append(notes, fmt.Sprintf("at %v", l.Limit))
	}
	if l.Lost > 0 {
		notes = append(notes, fmt.Sprintf("did not return: %d", l.Lost))
	}
	if l.Unproved != "" {
		notes = append(notes, fmt.Sprintf("%d rounds: %s", l.Rounds, l.Unproved))
	}
	return strings.Join(notes, ", ")
}

// show writes one of the line's times with three digits; a missing one is
// never.
func (l Line) show(d *time.Duration) string {
	switch {
	case l.Rounds == 0:
		return "-"
	case d == nil:
		return "never"
	}
	unit := time.Microsecond
	for *d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
