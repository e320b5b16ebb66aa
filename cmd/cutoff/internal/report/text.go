package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// thousands writes n with separators: 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		if s[i-1] == '-' {
			break
		}
		s = s[:i] + "," + s[i:]
	}
	return s
}

// shortDuration writes a measured duration with three digits or so.
func shortDuration(d time.Duration) string {
	s := d.Seconds()
	switch {
	case d < 0:
		return "0 s"
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case d < time.Millisecond:
		return digits(s*1e6) + " µs"
	case d < time.Second:
		return digits(s*1e3) + " ms"
	case d < 10*time.Minute:
		return digits(s) + " s"
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
}

// digits writes x with three significant digits and no exponent.
func digits(x float64) string {
	switch {
	case x < 9.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 99.95:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

// exactDuration writes a limit as it was set: 5.01 s, 250 ms, 1.5 h.
func exactDuration(d time.Duration) string {
	unit, name := time.Second, "s"
	switch {
	case d < time.Microsecond:
		unit, name = time.Nanosecond, "ns"
	case d < time.Millisecond:
		unit, name = time.Microsecond, "µs"
	case d < time.Second:
		unit, name = time.Millisecond, "ms"
	case d >= time.Hour && d%(6*time.Minute) == 0:
		unit, name = time.Hour, "h"
	case d >= 10*time.Minute && d%(6*time.Second) == 0:
		unit, name = time.Minute, "min"
	}
	return strconv.FormatFloat(float64(d)/float64(unit), 'f', -1, 64) + " " + name
}

// maxNameRunes bounds the work on a name before it is measured.
const maxNameRunes = 400

// maxMarks is how many marks may be piled on one letter: as many as languages
// do, and not so many that they reach another row.
const maxMarks = 2

// clean makes a name from anywhere safe to draw: what is not a letter, a mark,
// a number, a symbol or a plain space is written as an escape, so that no
// control or direction character acts and every difference can be seen.
func clean(s string) string {
	var b strings.Builder
	n, marks := 0, 0
	for i, r := range s {
		if n++; n > maxNameRunes {
			b.WriteString("…")
			break
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		writeRune(&b, s[i:], r, marks <= maxMarks)
	}
	return b.String()
}

// escapeLine is clean for texts that are not drawn: of any length, and with
// any marks.
func escapeLine(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		writeRune(&b, s[i:], r, true)
	}
	return b.String()
}

// escapeLines is escapeLine for output and stacks, whose lines and tabs stay.
func escapeLines(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r == '\n' || r == '\t' {
			b.WriteRune(r)
			continue
		}
		writeRune(&b, s[i:], r, true)
	}
	return b.String()
}

// writeRune writes r, the first character of rest, or an escape of it if it
// cannot be seen or is not wanted.
func writeRune(b *strings.Builder, rest string, r rune, wanted bool) {
	_, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == utf8.RuneError && size == 1:
		fmt.Fprintf(b, `\x%02x`, rest[0])
	case unicode.IsPrint(r) && wanted:
		b.WriteRune(r)
	default:
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
}

// shorten cuts s in its middle until width says that it fits: the beginning
// and the end tell names apart best.
func shorten(s string, room float64, width func(string) float64) string {
	if width(s) <= room {
		return s
	}
	runes := []rune(s)
	lo, hi := 0, len(runes) // so many runes fit; so many do not
	cut := func(n int) string {
		return string(runes[:(n+1)/2]) + "…" + string(runes[len(runes)-n/2:])
	}
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; width(cut(mid)) <= room {
			lo = mid
		} else {
			hi = mid
		}
	}
	return cut(lo)
}

// axis is a time axis from zero.
type axis struct {
	unit  time.Duration
	title string // of a task's own time
	ticks []tick

	unitTitle string // the unit alone
}

type tick struct {
	at    time.Duration
	label string
}

// newAxis chooses the unit and five to ten round ticks up to end.
func newAxis(end time.Duration) axis {
	a := axis{unit: time.Hour, title: "hours"}
	switch {
	case end < time.Millisecond:
		a = axis{unit: time.Microsecond, title: "microseconds"}
	case end < time.Second:
		a = axis{unit: time.Millisecond, title: "milliseconds"}
	case end < 10*time.Minute:
		a = axis{unit: time.Second, title: "seconds"}
	case end < 5*time.Hour:
		a = axis{unit: time.Minute, title: "minutes"}
	}
	a.unitTitle, a.title = a.title, a.title+" since the task’s own start"
	span := float64(end) / float64(a.unit)
	step := math.Pow(10, math.Floor(math.Log10(span/5)))
	for _, m := range []float64{5, 2} {
		if span/(step*m) >= 5 {
			step *= m
			break
		}
	}
	for i := 0; ; i++ {
		v := float64(i) * step
		if v > span*1.0001 {
			return a
		}
		a.ticks = append(a.ticks, tick{time.Duration(v * float64(a.unit)), strconv.FormatFloat(v, 'g', 6, 64)})
	}
}
