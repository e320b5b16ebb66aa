package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// A column of the CSV. docs/REPORT.md describes them; the names are those of
// the journal.
type column struct {
	name string
	cell func(*attempt) string
}

var columns = []column{
	{"run", func(a *attempt) string { return strconv.Itoa(a.run) }},
	{"seq", func(a *attempt) string { return decimal(a.Seq) }},
	{"id", func(a *attempt) string { return cell(nameOf(&a.Task)) }},
	{"attempt", func(a *attempt) string { return strconv.Itoa(a.Attempt) }},
	{"slot", func(a *attempt) string { return decimal(int64(a.Slot)) }},
	{"outcome", func(a *attempt) string { return cell(string(a.Outcome)) }},
	{"retry", func(a *attempt) string { return strconv.FormatBool(a.Retry) }},
	{"started", func(a *attempt) string { return instant(a.start()) }},
	{"time", func(a *attempt) string { return instant(a.Time) }},
	{"wall_ns", measured(func(a *attempt) int64 { return int64(a.Wall) })},
	{"user_ns", measured(func(a *attempt) int64 { return int64(a.User) })},
	{"system_ns", measured(func(a *attempt) int64 { return int64(a.System) })},
	{"max_rss_bytes", measured(func(a *attempt) int64 { return a.MaxRSS })},
	{"exit_code", measured(func(a *attempt) int64 { return int64(a.ExitCode) })},
	{"signal", func(a *attempt) string { return cell(a.Signal) }},
	{"overshoot_ns", measured(func(a *attempt) int64 { return int64(a.Overshoot) })},
	{"stalled_ns", measured(func(a *attempt) int64 { return int64(a.Stalled) })},
	{"leaked", measured(func(a *attempt) int64 { return int64(a.Leaked) })},
	{"output_bytes", measured(func(a *attempt) int64 { return a.OutputBytes })},
	{"memory_by", func(a *attempt) string { return cell(string(a.MemoryBy)) }},
	{"containment", func(a *attempt) string { return cell(a.Result.Containment) }},
	{"timeout_ns", func(a *attempt) string { return limitCell(int64(a.limits().Timeout)) }},
	{"cpu_ns", func(a *attempt) string { return limitCell(int64(a.limits().CPU)) }},
	{"idle_ns", func(a *attempt) string { return limitCell(int64(a.limits().Idle)) }},
	{"memory_bytes", func(a *attempt) string { return limitCell(a.limits().Memory) }},
	{"output_limit_bytes", func(a *attempt) string { return limitCell(a.limits().Output) }},
	{"identity", func(a *attempt) string { return cell(a.Identity) }},
	{"occurrence", func(a *attempt) string { return strconv.Itoa(a.Occurrence) }},
	{"error", func(a *attempt) string { return cell(a.Error) }},
	{"command", func(a *attempt) string { return cell(shellLine(&a.Task)) }},
}

// writeCSV writes a row for each attempt.
func writeCSV(w io.Writer, r io.Reader) (Damage, error) {
	cw := csv.NewWriter(w)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.name
	}
	if err := cw.Write(row); err != nil {
		return Damage{}, err
	}
	d, err := eachAttempt(r, func(a *attempt) error {
		for i, c := range columns {
			row[i] = c.cell(a)
		}
		return cw.Write(row)
	})
	cw.Flush()
	if err == nil {
		err = cw.Error()
	}
	return d, err
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// measured is a number that only an ended attempt has.
func measured(n func(*attempt) int64) func(*attempt) string {
	return func(a *attempt) string {
		if !a.ended {
			return ""
		}
		return decimal(n(a))
	}
}

// limitCell is empty where there is no limit.
func limitCell(n int64) string {
	if n == 0 {
		return ""
	}
	return decimal(n)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// cell makes a text from the journal safe: on one line, without characters
// that act on a terminal, and no formula for a spreadsheet (those begin with
// =, +, - or @; a number may).
func cell(s string) string {
	s = escapeLine(s)
	if s == "" || !strings.ContainsRune("=+-@", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}
