package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

// journalOf returns a journal of the records, after a header.
func journalOf(t testing.TB, recs ...Record) []byte {
	t.Helper()
	h := testHeader()
	h.fill(SyncOff)
	var file []byte
	for _, r := range append([]Record{&h}, recs...) {
		line, err := encode(r)
		check(t, err)
		file = append(file, line...)
	}
	return file
}

func startedAt(task Task, attempt int) Record { return &Started{Task: task, Attempt: attempt} }

func endedAs(task Task, attempt int, o cutoff.Outcome, retry bool) Record {
	return &Ended{Task: task, Result: cutoff.Result{Outcome: o, Attempt: attempt, Wall: time.Duration(attempt) * time.Second}, Retry: retry}
}

func TestState(t *testing.T) {
	task := testTask(1)
	again := testHeader()
	again.Format, again.Major = Format, Major
	failed := []cutoff.Outcome{cutoff.Failed}
	for name, c := range map[string]struct {
		recs []Record
		want TaskState
	}{
		"running":             {[]Record{startedAt(task, 1)}, TaskState{Attempts: 1}},
		"ok":                  {[]Record{startedAt(task, 1), endedAs(task, 1, cutoff.OK, false)}, TaskState{Settled: true, Outcome: cutoff.OK, Wall: time.Second, Attempts: 1}},
		"cut off":             {[]Record{startedAt(task, 1), endedAs(task, 1, cutoff.Timeout, false)}, TaskState{Settled: true, Outcome: cutoff.Timeout, Wall: time.Second, Attempts: 1}},
		"to run again":        {[]Record{startedAt(task, 1), endedAs(task, 1, cutoff.Failed, true)}, TaskState{Outcome: cutoff.Failed, Wall: time.Second, Attempts: 1, Retried: failed}},
		"running again":       {[]Record{startedAt(task, 1), endedAs(task, 1, cutoff.Failed, true), startedAt(task, 2)}, TaskState{Outcome: cutoff.Failed, Wall: time.Second, Attempts: 2, Retried: failed}},
		"canceled":            {[]Record{startedAt(task, 1), endedAs(task, 1, cutoff.Canceled, false)}, TaskState{Outcome: cutoff.Canceled, Wall: time.Second, Attempts: 1}},
		"given up":            {[]Record{endedAs(task, 0, cutoff.NotStarted, false)}, TaskState{Outcome: cutoff.NotStarted}},
		"not found":           {[]Record{startedAt(task, 1), endedAs(task, 0, cutoff.NotStarted, false)}, TaskState{Outcome: cutoff.NotStarted, Attempts: 1}},
		"resumed":             {[]Record{startedAt(task, 1), &again, startedAt(task, 2), endedAs(task, 2, cutoff.OK, false)}, TaskState{Settled: true, Outcome: cutoff.OK, Wall: 2 * time.Second, Attempts: 2}},
		"settled, then ended": {[]Record{endedAs(task, 1, cutoff.OK, false), &again, endedAs(task, 0, cutoff.NotStarted, false)}, TaskState{Settled: true, Outcome: cutoff.OK, Wall: time.Second, Attempts: 1}},
		"settled twice":       {[]Record{endedAs(task, 1, cutoff.OK, false), endedAs(task, 2, cutoff.Memory, false)}, TaskState{Settled: true, Outcome: cutoff.Memory, Wall: 2 * time.Second, Attempts: 2}},
		"later version's":     {[]Record{endedAs(task, 1, "shelved", false)}, TaskState{Settled: true, Outcome: "shelved", Wall: time.Second, Attempts: 1}},
		"retried twice": {
			[]Record{startedAt(task, 1), endedAs(task, 1, cutoff.Failed, true), &again, startedAt(task, 2), endedAs(task, 2, cutoff.Timeout, true), startedAt(task, 3), endedAs(task, 3, cutoff.OK, false)},
			TaskState{Settled: true, Outcome: cutoff.OK, Wall: 3 * time.Second, Attempts: 3, Retried: []cutoff.Outcome{cutoff.Failed, cutoff.Timeout}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ReadState(bytes.NewReader(journalOf(t, c.recs...)))
			check(t, err)
			got, ok := s.Find(task.Identity, task.Occurrence)
			if !ok || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, %v, want %+v", got, ok, c.want)
			}
			settled := 0
			if c.want.Settled {
				settled = 1
			}
			if s.Tasks() != 1 || s.Settled() != settled {
				t.Errorf("%d tasks, %d settled", s.Tasks(), s.Settled())
			}
			if n := s.Count(func(ts TaskState) bool { return reflect.DeepEqual(ts, c.want) }); n != 1 {
				t.Errorf("Count finds %d", n)
			}
		})
	}
}

// Equal tasks are told apart, and so are identities that are none of ours.
func TestStateTellsApart(t *testing.T) {
	one, two, odd := testTask(1), testTask(1), testTask(1)
	two.Occurrence = 2
	odd.Identity = strings.Repeat("x", 64)
	s, err := ReadState(bytes.NewReader(journalOf(t, endedAs(two, 1, cutoff.OK, false), endedAs(odd, 1, cutoff.Failed, false), startedAt(one, 1))))
	check(t, err)
	for i, c := range []struct {
		task Task
		want cutoff.Outcome
	}{{one, ""}, {two, cutoff.OK}, {odd, cutoff.Failed}} {
		if got, ok := s.Find(c.task.Identity, c.task.Occurrence); !ok || got.Outcome != c.want {
			t.Errorf("task %d: %+v, %v", i, got, ok)
		}
	}
	if _, ok := s.Find(one.Identity, 3); ok {
		t.Error("it knows a third one")
	}
	if _, ok := (*State)(nil).Find(one.Identity, 1); ok {
		t.Error("no state knows a task")
	}
}

// Damage costs the damaged lines and is counted. A line that only looks
// unusual counts.
func TestStateOfDamage(t *testing.T) {
	a, b := testTask(1), testTask(2)
	file := journalOf(t, endedAs(a, 1, cutoff.OK, false))
	file = append(file, "hello\n{\"type\":\"ended\",\"seq\":\"x\"}\n"...)
	odd := journalOf(t, endedAs(b, 1, cutoff.OK, false))
	odd = odd[bytes.IndexByte(odd, '\n')+1:]
	file = append(file, strings.Replace(string(odd), `{"type":"ended",`, `{"type" : "ended", `, 1)...)
	for end := len(file); end > len(file)-20; end-- {
		s, err := ReadState(bytes.NewReader(file[:end]))
		check(t, err)
		bad := 2
		if end < len(file)-1 {
			bad = 3 // torn
		}
		if s.BadLines != bad || s.Settled() != 4-bad {
			t.Fatalf("%d bytes: %d bad lines, %d settled", end, s.BadLines, s.Settled())
		}
		var line *LineError
		if !errors.As(s.FirstBad, &line) || line.Line != 3 {
			t.Fatalf("first bad line: %v", s.FirstBad)
		}
	}
	if _, err := ReadState(strings.NewReader("hello\n")); !errors.Is(err, ErrNotJournal) {
		t.Errorf("no journal: %v", err)
	}
}

// A State agrees with the records that Read returns.
func TestResume(t *testing.T) {
	path := newPath(t)
	w := mustCreate(t, path, Options{})
	if _, _, err := Resume(path, testHeader(), Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("beside a writer: %v", err)
	}
	check(t, w.Started(Started{Task: testTask(1), Attempt: 1}))
	check(t, w.Ended(testEnded(1, cutoff.OK)))
	check(t, w.Started(Started{Task: testTask(2), Attempt: 1}))
	check(t, w.Close())
	w, s, err := Resume(path, testHeader(), Options{})
	check(t, err)
	if s.Runs != 1 || s.Tasks() != 2 || s.Settled() != 1 {
		t.Errorf("state %+v", s)
	}
	check(t, w.Ended(testEnded(2, cutoff.Timeout)))
	check(t, w.Close())
	w, s, err = Resume(path, testHeader(), Options{})
	check(t, err)
	if s.Runs != 2 || s.Settled() != 2 {
		t.Errorf("state %+v", s)
	}
	check(t, w.Close())
	if recs, errs := readAll(mustReadFile(t, path)); len(recs) != 7 || errs != nil {
		t.Errorf("%d records, errors %v", len(recs), errs)
	}
}

func TestResumeRefuses(t *testing.T) {
	path := newPath(t)
	writeFile(t, path, []byte("hello\n"))
	if _, _, err := Resume(path, testHeader(), Options{}); !errors.Is(err, ErrNotJournal) || string(mustReadFile(t, path)) != "hello\n" {
		t.Errorf("a text: %v", err)
	}
	if _, _, err := Resume(os.DevNull, testHeader(), Options{}); !errors.Is(err, ErrNotJournal) {
		t.Errorf("a device: %v", err)
	}
}

// BenchmarkReadState reads a million lines: two for each of 500,000 tasks.
func BenchmarkReadState(b *testing.B) {
	const tasks = 500_000
	var file bytes.Buffer
	file.Write(journalOf(b))
	for seq := range int64(tasks) {
		task := testTask(seq)
		task.ID = fmt.Sprintf("input-%d.cnf", seq)
		task.Argv[1] = task.ID
		task.Identity = Work{Argv: task.Argv}.Identity()
		e := testEnded(seq, cutoff.OK)
		e.Task = task
		for _, r := range []Record{&Started{Task: task, Attempt: 1}, &e} {
			line, err := encode(r)
			check(b, err)
			file.Write(line)
		}
	}
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		s, err := ReadState(bytes.NewReader(file.Bytes()))
		check(b, err)
		if s.Settled() != tasks {
			b.Fatal(s.Settled())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2*tasks), "ns/record")
}
