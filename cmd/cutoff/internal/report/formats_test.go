package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// write returns a report of the sample.
func write(t testing.TB, s *sample, f Format) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := Write(&b, f, bytes.NewReader(s.bytes()))
	check(t, err)
	return b.Bytes()
}

// golden compares a report with its golden file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		check(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s; look at it with -update and git diff", path)
	}
}

// The formats that are text have golden files of the samples that show most.
func TestGoldenFormats(t *testing.T) {
	for _, f := range []Format{CSV, JSON, JUnit, Trace, JobLog, Text} {
		for _, name := range []string{"outcomes", "hostile"} {
			t.Run(name+"."+string(f), func(t *testing.T) { golden(t, name+"."+string(f), write(t, samples[name](t), f)) })
		}
	}
}

// rows returns the CSV as a map for each row.
func rowsOf(t *testing.T, b []byte) (out []map[string]string) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	check(t, err)
	for _, row := range all[1:] {
		m := map[string]string{}
		for i, name := range all[0] {
			m[name] = row[i]
		}
		out = append(out, m)
	}
	return out
}

// Every attempt has a row, with its numbers as they were measured.
func TestUnrounded(t *testing.T) {
	s := newSample(t, sec)
	const wall = 123456789012345678
	task := s.task("a")
	s.run(task, cutoff.Result{Outcome: cutoff.Timeout, Attempt: 1, Wall: wall, User: 7, MaxRSS: 1<<53 + 1}, true)
	s.run(task, cutoff.Result{Outcome: cutoff.OK, Attempt: 2, Wall: 1}, false)
	check(t, s.w.Started(journal.Started{Time: s.now, Task: s.task("b"), Attempt: 1}))

	rows := rowsOf(t, write(t, s, CSV))
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	r := rows[0]
	if r["wall_ns"] != "123456789012345678" || r["max_rss_bytes"] != "9007199254740993" || r["retry"] != "true" || r["outcome"] != "timeout" || r["timeout_ns"] != "1000000000" {
		t.Errorf("CSV %v", r)
	}
	if r := rows[2]; r["outcome"] != "" || r["wall_ns"] != "" || r["id"] != "b" || r["started"] == "" {
		t.Errorf("CSV of an attempt without an end %v", r)
	}
	var doc struct {
		Runs []struct {
			Header   journal.Header
			Attempts []jsonAttempt
		}
		Summary jsonSummary
	}
	check(t, json.Unmarshal(write(t, s, JSON), &doc))
	a := doc.Runs[0].Attempts
	if len(a) != 3 || a[0].Wall != wall || a[0].MaxRSS != 1<<53+1 || a[0].Limits.Timeout != sec || !a[2].Unfinished || a[0].Begun.IsZero() {
		t.Errorf("JSON %+v", a)
	}
	if doc.Summary.Tasks != 2 || doc.Summary.Unfinished != 1 || doc.Summary.Retried != 1 || doc.Runs[0].Header.Slots != 4 {
		t.Errorf("JSON %+v", doc.Summary)
	}
}

// junitFile is what those who read JUnit see.
type junitFile struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Cases    []struct {
		Name    string     `xml:"name,attr"`
		Time    float64    `xml:"time,attr"`
		Error   []junitWhy `xml:"error"`
		Failure []junitWhy `xml:"failure"`
		Skipped []junitWhy `xml:"skipped"`
		Flaky   []junitWhy `xml:"flakyFailure"`
	} `xml:"testsuite>testcase"`
}

type junitWhy struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

func junitOf(t *testing.T, b []byte) junitFile {
	t.Helper()
	var f junitFile
	check(t, xml.Unmarshal(b, &f))
	failures, errs := 0, 0
	for _, c := range f.Cases {
		failures += len(c.Failure)
		errs += len(c.Error)
	}
	if len(f.Cases) != f.Tests || failures != f.Failures || errs != f.Errors {
		t.Errorf("JUnit: it says %d tests, %d failures, %d errors and has %d, %d, %d", f.Tests, f.Failures, f.Errors, len(f.Cases), failures, errs)
	}
	return f
}

// A task that was cut off is an error of type timeout, whatever it says
// itself; a task that failed is a failure; and the counts agree.
func TestJUnit(t *testing.T) {
	f := junitOf(t, write(t, sampleOutcomes(t), JUnit))
	type seen struct{ element, kind string }
	want := map[string]seen{
		"fine": {}, "returns 3": {"failure", "failed"}, "too slow": {"error", "timeout"}, "silent": {"error", "idle"},
		"segfault": {"error", "crashed"}, "panic": {"error", "crashed"}, "second try": {"flaky", "failed"},
		"stopped by hand": {"error", "canceled"}, "solve ": {"skipped", ""}, "still running": {"error", "unfinished"},
	}
	for _, c := range f.Cases {
		var got seen
		for element, list := range map[string][]junitWhy{"error": c.Error, "failure": c.Failure, "skipped": c.Skipped, "flaky": c.Flaky} {
			for _, why := range list {
				got = seen{element, why.Type}
			}
		}
		if got != want[c.Name] {
			t.Errorf("%q: %v, want %v", c.Name, got, want[c.Name])
		}
	}
	if len(f.Cases) != len(want) {
		t.Errorf("%d test cases, want %d", len(f.Cases), len(want))
	}
}

// What could not start has a started record, and an end without an attempt.
func TestCouldNotStart(t *testing.T) {
	s := newSample(t, sec)
	task := s.task("no such command")
	check(t, s.w.Started(journal.Started{Time: s.now, Task: task, Attempt: 1}))
	check(t, s.w.Ended(journal.Ended{Time: s.now, Task: task, Result: cutoff.Result{Outcome: cutoff.NotStarted}, Error: "not found"}))
	s.run(s.task("given up"), cutoff.Result{Outcome: cutoff.NotStarted}, false)
	if rows := rowsOf(t, write(t, s, CSV)); len(rows) != 2 || rows[0]["outcome"] != "notstarted" || rows[0]["error"] != "not found" {
		t.Errorf("rows %v", rows)
	}
	f := junitOf(t, write(t, s, JUnit))
	if f.Tests != 2 || f.Errors != 1 || len(f.Cases[1].Skipped) != 1 || f.Cases[0].Error[0].Message != "not found" {
		t.Errorf("JUnit %+v", f)
	}
}

// What an earlier run left to a later one counts once, and a retry that never
// came is no success.
func TestJUnitLaterRun(t *testing.T) {
	s := newSample(t, sec)
	a, b, c := s.task("a"), s.task("b"), s.task("c")
	s.run(a, cutoff.Result{Outcome: cutoff.Canceled, Attempt: 1, Wall: 5}, false)
	s.run(b, cutoff.Result{Outcome: cutoff.OK, Attempt: 1, Wall: 5}, false)
	check(t, s.w.Started(journal.Started{Time: s.now, Task: c, Attempt: 1}))
	check(t, s.w.Close())
	s.header.Time = s.now.Add(time.Hour)
	var err error
	s.w, err = journal.Append(s.path, s.header, journal.Options{Sync: journal.SyncOff})
	check(t, err)
	s.now = s.header.Time
	s.run(a, cutoff.Result{Outcome: cutoff.OK, Attempt: 1, Wall: 5}, false)
	s.run(c, cutoff.Result{Outcome: cutoff.Failed, ExitCode: 1, Attempt: 1, Wall: 5}, true)
	f := junitOf(t, write(t, s, JUnit))
	if f.Tests != 3 || f.Errors != 1 {
		t.Errorf("%d tests, %d errors: %+v", f.Tests, f.Errors, f.Cases)
	}
}

// traceFile is the trace as its readers take it.
type traceFile struct {
	TraceEvents []struct {
		Name, Ph, ID string
		TS, Dur      *float64
		PID, TID     int
		Args         map[string]any
	}
}

// The rules of the format, and those that Perfetto adds: complete events of a
// thread do not overlap, what begins ends, counters are numbers.
func TestTrace(t *testing.T) {
	for name, build := range samples {
		var f traceFile
		dec := json.NewDecoder(bytes.NewReader(write(t, build(t), Trace)))
		check(t, dec.Decode(&f))
		left := map[[2]int]float64{}
		open := map[string]int{}
		attempts := 0
		for i, e := range f.TraceEvents {
			if e.Name == "" || e.PID == 0 || e.TS == nil {
				t.Fatalf("%s: event %d lacks a field: %+v", name, i, e)
			}
			switch e.Ph {
			case "X":
				attempts++
				if e.Dur == nil || *e.Dur < 0 {
					t.Errorf("%s: event %d has no duration", name, i)
				} else if thread := [2]int{e.PID, e.TID}; *e.TS < left[thread] {
					t.Errorf("%s: event %d overlaps the one before", name, i)
				} else {
					left[thread] = *e.TS + *e.Dur
				}
			case "b":
				attempts++
				open[e.ID]++
			case "e":
				open[e.ID]--
			case "C":
				if n, ok := e.Args["tasks"].(float64); !ok || n < 0 {
					t.Errorf("%s: counter %v", name, e.Args)
				}
			case "M":
				if e.Args["name"] == "" {
					t.Errorf("%s: event %d names nothing", name, i)
				}
			default:
				t.Errorf("%s: event %d of phase %q", name, i, e.Ph)
			}
		}
		for id, n := range open {
			if n != 0 {
				t.Errorf("%s: asynchronous event %s is open", name, id)
			}
		}
		if want := bytes.Count(build(t).bytes(), []byte(`{"type":"started"`)); attempts != want {
			t.Errorf("%s: %d attempts, want %d", name, attempts, want)
		}
	}
}

// A million nanoseconds are a thousand microseconds, to the last of them.
func TestMicros(t *testing.T) {
	for d, want := range map[micros]string{0: "0.000", 1: "0.001", -1500: "-1.500", 1<<62 + 1: "4611686018427387.905", -1 << 63: "-9223372036854775.808"} {
		if got, _ := d.MarshalJSON(); string(got) != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}

// A line of the job log has nine fields, whatever the command.
func TestJobLog(t *testing.T) {
	s := newSample(t, sec)
	task := s.task("x")
	task.Argv, task.Cmd = nil, "printf 'a\tb\nc' # \x1b[2J"
	s.run(task, cutoff.Result{Outcome: cutoff.Timeout, Attempt: 1, Wall: 1234567 * time.Microsecond, ExitCode: -1, Signal: "SIGKILL"}, false)
	s.run(s.task("y"), cutoff.Result{Outcome: cutoff.Failed, Attempt: 1, ExitCode: 3, Wall: 1}, false)
	s.run(s.task("z"), cutoff.Result{Outcome: cutoff.Crashed, Attempt: 1, ExitCode: -1, Signal: "SIGSEGV"}, false)
	s.run(s.task("given up"), cutoff.Result{Outcome: cutoff.NotStarted}, false)
	s.run(s.task("again"), cutoff.Result{Outcome: cutoff.Failed, Attempt: 1, ExitCode: 1}, true)
	lines := strings.Split(strings.TrimSuffix(string(write(t, s, JobLog)), "\n"), "\n")
	var got []string
	for _, l := range lines[1:] {
		fields := strings.Split(l, "\t")
		if len(fields) != 9 {
			t.Fatalf("%d fields: %q", len(fields), l)
		}
		if _, err := strconv.ParseFloat(fields[2], 64); err != nil {
			t.Error(err)
		}
		got = append(got, strings.Join([]string{fields[0], fields[3], fields[6], fields[7], fields[8]}, "|"))
	}
	want := []string{`1|     1.235|-1|9|printf 'a b\nc' # \x1b[2J`, "2|     0.000|3|0|solve y", "3|     0.000|0|11|solve z"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Whatever tasks are called: nothing that acts on a terminal or a spreadsheet
// comes through.
func TestHostileTexts(t *testing.T) {
	s := sampleHostile(t)
	for _, name := range []string{"=cmd|' /C calc'!A0", "@SUM(1)", "-2+3", "-2.5", "+x"} {
		s.add(name, cutoff.Failed, 1)
	}
	for _, f := range []Format{CSV, JUnit, JobLog, Text, HTML} {
		for _, r := range string(write(t, s, f)) {
			if r < ' ' && r != '\n' && r != '\t' || r == '\u202e' || r == '\u2066' {
				t.Errorf("%s: the character %q came through", f, r)
				break
			}
		}
	}
	rows := rowsOf(t, write(t, s, CSV))
	for i, want := range []string{"'=cmd|' /C calc'!A0", "'@SUM(1)", "'-2+3", "-2.5", "'+x"} {
		if got := rows[len(rows)-5+i]["id"]; got != want {
			t.Errorf("CSV: %q, want %q", got, want)
		}
	}
}

// An empty journal is an empty list, or says that there is nothing to see.
func TestEmpty(t *testing.T) {
	s := newSample(t, sec)
	for _, f := range Formats {
		_, err := Write(io.Discard, f, bytes.NewReader(s.bytes()))
		if looked := f == HTML || f == SVG || f == PNG || f == Text; looked != (err == ErrNoTasks) || !looked && err != nil {
			t.Errorf("%s: error %v", f, err)
		}
	}
	junitOf(t, write(t, s, JUnit))
}

// failingWriter fails after n bytes.
type failingWriter struct{ n int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

// No format swallows the error of its file.
func TestWriteFails(t *testing.T) {
	s := sampleOutcomes(t)
	for _, f := range Formats {
		points := []int{0}
		whole := 0
		if f != SVG && f != PNG { // those are written at once
			whole = len(write(t, s, f))
			points = []int{0, whole / 2, whole - 1}
		}
		for _, n := range points {
			if _, err := Write(&failingWriter{n}, f, bytes.NewReader(s.bytes())); err == nil {
				t.Errorf("%s: no error after %d of %d bytes", f, n, whole)
			}
		}
	}
}
