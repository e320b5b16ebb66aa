package report

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/leak"
	"github.com/cutoff-run/cutoff/journal"
)

var (
	update   = flag.Bool("update", false, "write the golden files anew")
	pictures = flag.String("pictures", "", "write every sample as SVG and PNG into this directory, to look at")
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const sec = time.Second

// sample is a journal in the making.
type sample struct {
	t      testing.TB
	path   string
	w      *journal.Writer
	now    time.Time
	seq    int64
	header journal.Header
	seen   journal.Occurrences
}

// newSample begins a journal of a batch with this cutoff.
func newSample(t testing.TB, cut time.Duration) *sample {
	t.Helper()
	s := &sample{t: t, path: filepath.Join(t.TempDir(), "run.jsonl"), now: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)}
	s.header = journal.Header{Time: s.now, Program: "cutoff 0.1.0", Argv: []string{"cutoff", "batch"}, Dir: "/home/ada", Host: "tower", PID: 7, OS: "linux", Arch: "amd64", Cores: 4, Slots: 4, Limits: cutoff.Limits{Timeout: cut}}
	var err error
	s.w, err = journal.Create(s.path, s.header, journal.Options{Sync: journal.SyncOff})
	check(t, err)
	t.Cleanup(func() { _ = s.w.Close() })
	return s
}

// task returns the next task.
func (s *sample) task(id string) journal.Task {
	s.seq++
	argv := []string{"solve", id}
	identity := journal.Work{Argv: argv}.Identity()
	return journal.Task{Seq: s.seq, ID: id, Identity: identity, Occurrence: s.seen.Next(identity), Slot: int(s.seq-1)%4 + 1, Argv: argv}
}

// add records a task that ran once.
func (s *sample) add(id string, o cutoff.Outcome, wall time.Duration) {
	s.run(s.task(id), cutoff.Result{Outcome: o, Attempt: 1, Wall: wall}, false)
}

// run records an attempt.
func (s *sample) run(task journal.Task, r cutoff.Result, retry bool) {
	s.t.Helper()
	if r.Attempt == 0 {
		task.Slot = 0 // it was given up
	} else {
		check(s.t, s.w.Started(journal.Started{Time: s.now, Task: task, Attempt: r.Attempt}))
		r.Started = s.now
	}
	s.now = s.now.Add(r.Wall / 4)
	check(s.t, s.w.Ended(journal.Ended{Time: s.now, Task: task, Result: r, Retry: retry}))
}

// bytes returns the journal.
func (s *sample) bytes() []byte {
	s.t.Helper()
	b, err := os.ReadFile(s.path)
	check(s.t, err)
	return b
}

func (s *sample) summary() *Summary {
	s.t.Helper()
	sum, err := Collect(bytes.NewReader(s.bytes()))
	check(s.t, err)
	return sum
}

func render(t testing.TB, s *Summary, f Format) []byte {
	t.Helper()
	var b bytes.Buffer
	check(t, s.Timeline(&b, f))
	return b.Bytes()
}

// samples are the batches whose figures are compared with golden files.
var samples = map[string]func(t testing.TB) *sample{
	"mixed":    sampleMixed,
	"ok":       sampleAllOK,
	"cutoff":   sampleAllCutOff,
	"outcomes": sampleOutcomes,
	"limits":   sampleOwnLimits,
	"hostile":  sampleHostile,
	"sixty":    func(t testing.TB) *sample { return sampleRandom(t, 60) },
	"thousand": func(t testing.TB) *sample { return sampleRandom(t, 1000) },
	"hundred":  func(t testing.TB) *sample { return sampleRandom(t, 100) },
	"skewed":   sampleSkewed,
	"one": func(t testing.TB) *sample {
		s := newSample(t, 0)
		s.add("alone", cutoff.OK, 3*time.Millisecond)
		return s
	},
}

// sampleMixed is the batch that the project began with.
func sampleMixed(t testing.TB) *sample {
	s := newSample(t, 5010*time.Millisecond)
	for i, d := range []time.Duration{2, 7, 1, 4, 9, 3, 5, 6, 1, 8, 2, 5} {
		name, wall, o := fmt.Sprintf("do_stuff(%d)", d), d*sec+time.Duration(i)*100*time.Microsecond, cutoff.OK
		if wall > 5010*time.Millisecond {
			wall, o = 5010*time.Millisecond+time.Duration(90+i)*time.Microsecond, cutoff.Timeout
		}
		s.add(name, o, wall)
	}
	return s
}

func sampleAllOK(t testing.TB) *sample {
	s := newSample(t, time.Hour)
	for i := range 5 {
		s.add(fmt.Sprintf("part-%d.pdf", i+1), cutoff.OK, time.Duration(i*i+1)*137*time.Millisecond)
	}
	return s
}

func sampleAllCutOff(t testing.TB) *sample {
	s := newSample(t, 250*time.Millisecond)
	for i := range 5 {
		s.add(fmt.Sprintf("(a+)+$ #%d", i+1), cutoff.Timeout, 250*time.Millisecond+time.Duration(i)*100*time.Microsecond)
	}
	return s
}

// sampleOutcomes has every outcome, a retry, a task without an end, a torn
// line and tasks of which names are not given.
func sampleOutcomes(t testing.TB) *sample {
	s := newSample(t, 2*sec)
	s.add("fine", cutoff.OK, 800*time.Millisecond)
	s.run(s.task("returns 3"), cutoff.Result{Outcome: cutoff.Failed, Attempt: 1, ExitCode: 3, Wall: 400 * time.Millisecond}, false)
	s.add("too slow", cutoff.Timeout, 2*sec)
	s.add("silent", cutoff.Idle, 1100*time.Millisecond)
	s.run(s.task("segfault"), cutoff.Result{Outcome: cutoff.Crashed, Attempt: 1, ExitCode: -1, Signal: "SIGSEGV", Wall: 1234 * time.Microsecond}, false)
	s.add("panic", cutoff.Crashed, 900*time.Millisecond)
	again := s.task("second try")
	s.run(again, cutoff.Result{Outcome: cutoff.Failed, Attempt: 1, ExitCode: 1, Wall: sec}, true)
	s.run(again, cutoff.Result{Outcome: cutoff.OK, Attempt: 2, Wall: 1500 * time.Millisecond}, false)
	s.add("stopped by hand", cutoff.Canceled, 600*time.Millisecond)
	noID := s.task("")
	s.run(noID, cutoff.Result{Outcome: cutoff.NotStarted}, false)
	check(t, s.w.Started(journal.Started{Time: s.now, Task: s.task("still running"), Attempt: 1}))
	check(t, s.w.Close())
	f, err := os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	_, err = io.WriteString(f, `{"type":"ended","ti`)
	check(t, err)
	check(t, f.Close())
	return s
}

func sampleOwnLimits(t testing.TB) *sample {
	s := newSample(t, 2*sec)
	own := func(id string, limit, wall time.Duration, o cutoff.Outcome) {
		task := s.task(id)
		task.Limits = &cutoff.Limits{Timeout: limit}
		s.run(task, cutoff.Result{Outcome: o, Attempt: 1, Wall: wall}, false)
	}
	s.add("as all", cutoff.Timeout, 2*sec+time.Millisecond)
	own("gets less", sec, sec, cutoff.Timeout)
	own("gets more", 4*sec, 3500*time.Millisecond, cutoff.OK)
	own("gets more and needs it not", 90*sec, 1200*time.Millisecond, cutoff.OK)
	own("gets more in vain", 4*sec, 4*sec+time.Millisecond, cutoff.Timeout)
	own("without limit", 0, 4500*time.Millisecond, cutoff.OK)
	s.add("as all too", cutoff.OK, 1900*time.Millisecond)
	return s
}

func sampleHostile(t testing.TB) *sample {
	s := newSample(t, sec)
	for i, name := range []string{
		`<script>alert("1")</script>`, "]]> &amp; &#0; '", "bell \a tab \t newline \n escape \x1b[31m", "\x00\x01\ufffe\uffff",
		"not UTF-8 \xff\xfe caf\xe9", "right to left: שלום עולם", "\u202egpj.exe turned\u2066", "日本語のファイル名.pdf", "e" + strings.Repeat("\u0301", 12) + " piled",
		"a very long name that has to be cut in its middle because it would push the bars out of the picture: 0001.cnf",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2", " ", "\u200b",
	} {
		s.add(name, cutoff.OK, time.Duration(i+1)*70*time.Millisecond)
	}
	return s
}

// sampleRandom is a batch as they are: most tasks are short, some fail, and a
// few are hopeless.
func sampleRandom(t testing.TB, n int) *sample {
	s := newSample(t, 5*sec)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		name := fmt.Sprintf("minisat bench/uf%03d-%04d.cnf", 20+r.IntN(230), i+1)
		wall := time.Duration(r.ExpFloat64() * 0.7 * float64(sec))
		switch {
		case wall > 5*sec || r.IntN(12) == 0:
			s.add(name, cutoff.Timeout, 5*sec+time.Duration(r.IntN(3e6)))
		case r.IntN(25) == 0:
			s.add(name, cutoff.Failed, wall)
		default:
			s.add(name, cutoff.OK, wall)
		}
	}
	return s
}

// sampleSkewed has many tasks that are gone at once, a few that last, and
// classes of one task among thousands.
func sampleSkewed(t testing.TB) *sample {
	s := newSample(t, 5*sec)
	for i := range 3000 {
		s.add(fmt.Sprint(i), cutoff.OK, time.Duration(i)*time.Microsecond)
	}
	s.add("slow", cutoff.OK, 4900*time.Millisecond)
	s.add("hopeless", cutoff.Timeout, 5*sec)
	s.add("broken", cutoff.Failed, 2*sec)
	s.add("stopped", cutoff.Canceled, 3*sec)
	s.run(s.task("late"), cutoff.Result{Outcome: cutoff.NotStarted}, false)
	check(t, s.w.Started(journal.Started{Time: s.now, Task: s.task("running"), Attempt: 1}))
	return s
}
