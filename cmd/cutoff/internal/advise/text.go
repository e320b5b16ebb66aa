package advise

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Verdict says in a sentence what the advice is.
func (a *Advice) Verdict() string {
	switch a.Kind {
	case Shorten:
		return fmt.Sprintf("%s → %s saves %s of the time and loses %s of the results.",
			a.presentLimit(), duration(a.Best.Limit), percent(a.Best.Saved), lost(a.Best))
	case Stay:
		if a.Limit == 0 {
			return fmt.Sprintf("No limit pays: none that surely keeps %s of the results gets them for less time. The longest attempt took %s.",
				percent(a.Keep), duration(a.Now.Limit))
		}
		return fmt.Sprintf("Stay with %s: no shorter limit that surely keeps %s of the results gets them for less time.",
			duration(a.Limit), percent(a.Keep))
	case NoResults:
		return fmt.Sprintf("None of %s gave a result, so no limit up to %s is good for any. Whether a longer one is, this journal cannot know.",
			amount(a.Attempts, "attempt"), duration(a.Now.Limit))
	}
	return fmt.Sprintf("Too little data: to be sure that a limit keeps %s of the results takes %d of them, and the journal has %d.",
		percent(a.Keep), a.Needed, a.Results)
}

// presentLimit is what the advised limit is to replace.
func (a *Advice) presentLimit() string {
	switch {
	case a.Limit == 0:
		return "no limit"
	case a.Mixed:
		return "up to " + duration(a.Limit)
	}
	return duration(a.Limit)
}

func lost(p *Point) string {
	if p.Kept >= 1 {
		return "none"
	}
	return percent(1 - p.Kept)
}

// WriteText writes the advice for people: the verdict, a table of limits, and
// what it rests on.
func (a *Advice) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, a.Verdict())
	if len(a.Table) > 0 {
		a.writeTable(b)
	}
	fmt.Fprintln(b)
	for _, note := range a.Notes() {
		fmt.Fprintln(b, note)
	}
	return b.Flush()
}

func (a *Advice) writeTable(b *bufio.Writer) {
	row := func(mark string, cells ...string) {
		fmt.Fprintf(b, "%-2s", mark)
		for _, c := range cells {
			fmt.Fprint(b, strings.Repeat(" ", max(17-utf8.RuneCountInString(c), 1)), c)
		}
		fmt.Fprintln(b)
	}
	fmt.Fprintln(b)
	row("", Columns...)
	for _, r := range a.Rows() {
		mark := ""
		if r.Advised {
			mark = "→"
		}
		row(mark, r.Cells...)
	}
}

// Columns are the heads of the columns of Rows.
var Columns = []string{"limit", "results kept", "surely", "time saved", "time per result"}

// Row is what one limit would do.
type Row struct {
	Advised bool     // it is the advised one
	Cells   []string // see Columns
}

// Rows is a table of limits in ascending order, with the advised one and, as
// the last, the present one. It is empty if there is too little data.
func (a *Advice) Rows() []Row {
	if len(a.Table) == 0 {
		return nil
	}
	var out []Row
	last := time.Duration(-1)
	add := func(p Point) {
		if p.Limit <= last {
			return
		}
		last = p.Limit
		out = append(out, Row{
			a.Best != nil && p.Limit == a.Best.Limit,
			[]string{duration(p.Limit), percent(p.Kept), percent(p.KeptLow), percent(p.Saved), duration(p.Cost)},
		})
	}
	best := a.Best
	for _, p := range a.Table {
		if best != nil && best.Limit <= p.Limit {
			add(*best)
			best = nil
		}
		add(p)
	}
	if best != nil {
		add(*best)
	}
	add(a.Now)
	return out
}

// Notes say what the advice rests on.
func (a *Advice) Notes() []string {
	n := []string{fmt.Sprintf("From %s: %s, %d ended without one, %d were stopped before their end.",
		amount(a.Attempts, "attempt"), amount(a.Results, "result"), a.Without, a.Censored)}
	if a.Censored > 0 {
		n = append(n, fmt.Sprintf("What lies beyond %s is unknown: nothing is said about longer limits.", duration(a.Now.Limit)))
	} else if a.Attempts > 0 {
		n = append(n, fmt.Sprintf("Nothing was cut off by time. The longest attempt took %s.", duration(a.Now.Limit)))
	}
	if len(a.Table) > 0 {
		n = append(n, fmt.Sprintf("The last line of the table is what the journal shows: %s of the attempts gave a result (%s to %s with 95 %% confidence). \"Surely\" is with 95 %% confidence.",
			percent(a.Now.Yield), percent(a.Now.Low), percent(a.Now.High)))
	}
	if a.Mixed {
		n = append(n, "Attempts had different limits. What an attempt would have done under the largest is estimated from those that had it.")
	}
	if a.Unmeasured > 0 {
		n = append(n, fmt.Sprintf("Without an end in the journal, and not counted: %s.", amount(a.Unmeasured, "attempt")))
	}
	if a.Rounded {
		n = append(n, "There are so many durations that they were rounded up, by less than 0.2 %.")
	}
	return n
}

func amount(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// percent writes a share: 63 %, and near the ends 4.2 % and 99.6 %. Only 0 is
// written as 0 and only 1 as 100.
func percent(share float64) string {
	const noise = 1e-9
	p := 100 * share
	switch {
	case share < noise:
		return "0 %"
	case share > 1-noise:
		return "100 %"
	case p < 9.95 || p > 90:
		return strings.TrimSuffix(strconv.FormatFloat(min(max(p, 0.1), 99.9), 'f', 1, 64), ".0") + " %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

// duration writes three digits in seconds, or in a smaller or larger unit
// where those say it better.
func duration(d time.Duration) string {
	unit, name := time.Second, "s"
	switch {
	case d < time.Microsecond:
		unit, name = time.Nanosecond, "ns"
	case d < time.Millisecond:
		unit, name = time.Microsecond, "µs"
	case d < 100*time.Millisecond:
		unit, name = time.Millisecond, "ms"
	case d >= 10*time.Hour:
		unit, name = time.Hour, "h"
	case d >= 10*time.Minute:
		unit, name = time.Minute, "min"
	}
	x := float64(d) / float64(unit)
	digits := 0
	for limit := 100.0; x < limit*0.9995 && digits < 3; limit /= 10 {
		digits++
	}
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + " " + name
}
