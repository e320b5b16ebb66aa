package progress

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// Count writes n with commas: 1,234,567.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted writes n of a noun: "1 task", "2,000 tasks".
func Counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// Duration writes d with the digits that matter: 3 ms, 2.00 s, 12.3 s,
// 3 min 12 s, 2 h 5 min, 4 d 3 h.
func Duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	case d < 9995*time.Millisecond:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour-time.Second/2:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour-time.Minute/2:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	d = d.Round(time.Hour)
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// Spent writes how long something has run, and of what limit if it has one:
// 4.55 s of 6.00 s.
func Spent(took, limit time.Duration) string {
	if limit == 0 {
		return Duration(took)
	}
	return Duration(took) + " of " + Duration(limit)
}

// OneLine makes a text of the user's fit for a line of its own: what is not
// printable, and could do something to a terminal, is escaped, and what is
// longer than limit runes is cut.
func OneLine(s string, limit int) string {
	var b strings.Builder
	for n := 0; len(s) > 0; n++ {
		if n == limit {
			return b.String() + "…"
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case !unicode.IsPrint(r):
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// Ending says in a few words why an attempt ended: "timeout", "exit status 2",
// "SIGSEGV", "canceled", or why it did not start.
func Ending(e batch.Event) string {
	switch o := e.Result.Outcome; {
	case o == cutoff.NotStarted && e.Err != nil:
		return OneLine(Reason(e.Err), 200)
	case o == cutoff.Failed && e.Result.ExitCode > 0:
		return fmt.Sprintf("exit status %d", e.Result.ExitCode)
	case o == cutoff.Crashed && e.Result.Signal != "":
		return e.Result.Signal
	default:
		return string(o)
	}
}

// Reason is an error's text without the prefixes of the packages it came
// through.
func Reason(err error) string {
	s := err.Error()
	for _, prefix := range []string{"batch: ", "cutoff: ", "not started: ", "cutoff: "} {
		s = strings.TrimPrefix(s, prefix)
	}
	return s
}
