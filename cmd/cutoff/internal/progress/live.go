package progress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/cutoff-run/cutoff"
)

// The live view: a block of lines that is drawn over and over at the end of
// the terminal. What it says is made here, how it gets there is in screen.go.

const (
	mostRows = 10 // of attempts that run
	leastBar = 8  // columns; a shorter bar says nothing
	mostBar  = 60
)

// frame returns the lines of the view, which has room for so many columns and
// rows.
func (v *View) frame(now time.Time, columns, rows int) []string {
	lines := []string{v.head(now, columns)}
	if rows > 1 {
		lines = append(lines, fit(v.tally(now), columns))
	}
	attempts := v.longest(min(mostRows, (rows-2)/2))
	names := 0
	for _, r := range attempts {
		names = max(names, runewidth.StringWidth(r.id))
	}
	for _, r := range attempts {
		lines = append(lines, v.row(r, now, columns, min(names, columns/2)))
	}
	return lines
}

// head is how far the batch is, as far as one can know.
func (v *View) head(now time.Time, columns int) string {
	elapsed := now.Sub(v.start)
	right := v.ends(now)
	if v.total == 0 {
		return fit(strings.Join(slices.DeleteFunc([]string{Count(v.done) + " done in " + Duration(elapsed), v.pace(), right}, isEmpty), ", "), columns)
	}
	percent := fmt.Sprintf("%3d%% ", 100*v.done/v.total)
	right = strings.Join(slices.DeleteFunc([]string{Count(v.done) + "/" + Count(v.total), Duration(elapsed), v.pace(), right}, isEmpty), ", ")
	room := columns - len(percent) - 1 - runewidth.StringWidth(right)
	if room < leastBar {
		return fit(percent+right, columns)
	}
	return percent + v.overall(min(room, mostBar)) + " " + right
}

func isEmpty(s string) bool { return s == "" }

// overall is the bar of the whole batch, with a part for each way in which
// tasks have ended.
func (v *View) overall(columns int) string {
	var ok, cut, bad int64
	for o, n := range v.counts {
		switch {
		case o == cutoff.OK:
			ok += n
		case o.CutOff():
			cut += n
		default:
			bad += n
		}
	}
	all := max(v.total, v.done) // an input may be longer than was thought
	part := func(n int64) int { return int(n * int64(columns) / all) }
	return v.bar(columns, segment{part(ok), green}, segment{part(ok+cut) - part(ok), yellow}, segment{part(ok+cut+bad) - part(ok+cut), red})
}

// tally is what has become of the tasks, and what it cost.
func (v *View) tally(now time.Time) string {
	said := []string{Count(v.counts[cutoff.OK]) + " ok"}
	for _, c := range v.shown() {
		if c.n > 0 {
			said = append(said, Count(c.n)+" "+c.name)
		}
	}
	if n := len(v.waiting); n > 0 {
		said = append(said, Count(int64(n))+" to run again")
	}
	said = append(said, Count(int64(len(v.running)))+" running")
	if v.stopping {
		said = append(said, "stopping")
	}
	if v.cutTime > 0 {
		said = append(said, fmt.Sprintf("%.0f%% of the time for what was cut off", 100*v.cutTime.Seconds()/v.time.Seconds()))
	}
	return strings.Join(said, ", ")
}

// row is an attempt that runs, with a bar towards its cutoff.
func (v *View) row(r running, now time.Time, columns, names int) string {
	took := now.Sub(r.since)
	spent := Spent(took, r.timeout)
	name := runewidth.FillRight(runewidth.Truncate(r.id, names, "…"), names)
	room := columns - 2 - names - 1 - 1 - len(spent)
	if r.timeout == 0 || room < leastBar {
		return fit("  "+name+" "+spent, columns)
	}
	room = min(room, mostBar/2)
	color := green
	if took > r.timeout*3/4 {
		color = yellow
	}
	return "  " + name + " " + v.bar(room, segment{min(room, int(int64(room)*int64(took)/int64(r.timeout))), color}) + " " + spent
}

// longest returns the n attempts that have run longest, the longest first.
func (v *View) longest(n int) []running {
	if n <= 0 {
		return nil
	}
	var list []running
	for _, r := range v.running {
		i, _ := slices.BinarySearchFunc(list, r, func(a, b running) int {
			return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.seq, b.seq))
		})
		if i < n {
			list = slices.Insert(list, i, r)
			list = list[:min(len(list), n)]
		}
	}
	return list
}

// A segment is a part of a bar.
type segment struct {
	columns int
	color   string
}

// The colors, as SGR sequences.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	grey   = "\x1b[90m"
	plain  = "\x1b[0m"
)

// bar draws segments and fills the rest.
func (v *View) bar(columns int, segments ...segment) string {
	var b strings.Builder
	left := columns
	for _, s := range segments {
		n := min(max(s.columns, 0), left)
		left -= n
		v.paint(&b, s.color, strings.Repeat(v.style.full, n))
	}
	v.paint(&b, grey, strings.Repeat(v.style.empty, left))
	return b.String()
}

// paint writes a text in a color, if colors are wanted.
func (v *View) paint(b *strings.Builder, color, text string) {
	switch {
	case text == "":
	case v.style.color:
		b.WriteString(color + text + plain)
	default:
		b.WriteString(text)
	}
}

// fit cuts a text to so many columns.
func fit(s string, columns int) string { return runewidth.Truncate(s, max(columns, 0), "…") }
