package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cutoff-run/cutoff"
)

// reasonOf says in one line why an attempt did not go well, without what
// differs from task to task where that can be helped.
func reasonOf(a *attempt) string {
	first, _, _ := strings.Cut(strings.TrimSpace(a.Error), "\n")
	switch {
	case !a.ended:
		return "no end is recorded: it still runs, or the batch died with it"
	case a.Outcome == cutoff.OK:
		return ""
	case a.Outcome == cutoff.Timeout && a.limits().Timeout > 0:
		return "took too long: stopped at its limit of " + exactDuration(a.limits().Timeout)
	case a.Outcome == cutoff.Failed && a.ExitCode > 0:
		return fmt.Sprintf("exit status %d", a.ExitCode)
	case a.Outcome == cutoff.Crashed && a.Signal != "":
		return "died of " + a.Signal
	case first != "":
		return first
	}
	return outcomeText(a.Outcome)
}

func outcomeText(o cutoff.Outcome) string {
	switch o {
	case cutoff.Timeout:
		return "took too long"
	case cutoff.CPU:
		return "used too much processor time"
	case cutoff.Memory:
		return "held too much memory"
	case cutoff.Idle:
		return "gave no sign of life"
	case cutoff.Output:
		return "wrote too much"
	case cutoff.Crashed:
		return "died of a panic or a fatal error of its own"
	case cutoff.Canceled:
		return "was stopped by the caller"
	case cutoff.NotStarted:
		return "never ran"
	}
	return string(o)
}

// limitsText lists the limits that are set.
func limitsText(l *cutoff.Limits) string {
	var out []string
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"wall time", l.Timeout}, {"grace", l.Grace}, {"processor time", l.CPU}, {"silence", l.Idle}} {
		if d.value > 0 {
			out = append(out, d.name+" "+exactDuration(d.value))
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{{"memory", l.Memory}, {"output", l.Output}} {
		if n.value > 0 {
			out = append(out, n.name+" "+bytesText(n.value))
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// bytesText writes a size with three digits or so.
func bytesText(n int64) string {
	unit, x := "B", float64(n)
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if x < 1024 {
			break
		}
		unit, x = u, x/1024
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return digits(x) + " " + unit
}

// commandLine quotes the words of a command line.
func commandLine(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = shellWord(w)
	}
	return strings.Join(out, " ")
}

// ends returns s, or its beginning and its end if it is longer than limit
// bytes, cut between characters. The result shares no memory with s.
func ends(s string, limit int) string {
	if len(s) <= limit {
		return strings.Clone(s)
	}
	head, tail := limit/2, len(s)-limit/2
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + fmt.Sprintf("\n… %s bytes left out …\n", thousands(int64(tail-head))) + s[tail:]
}
