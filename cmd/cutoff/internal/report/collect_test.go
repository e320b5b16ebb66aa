package report

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

func TestVerdict(t *testing.T) {
	for name, want := range map[string]string{
		"mixed":    "12 tasks in 10.8 s: 8 ok, 4 cut off (46.6 % of the time), 0 failed",
		"one":      "1 task in 750 µs: 1 ok, 0 cut off, 0 failed",
		"outcomes": "10 tasks in 2.08 s: 2 ok, 2 cut off (37.3 % of the time), 1 failed, 2 crashed, 1 canceled, 1 not started, 1 without an end",
	} {
		if got := samples[name](t).summary().Verdict(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// counts returns the number of tasks of each class.
func counts(s *Summary) (out [numClasses]int64) {
	for c := range numClasses {
		out[c] = s.count(c)
	}
	return out
}

// A task that was retried counts once, by its last attempt, however many
// there are; and one whose retry never came has no end.
func TestRetries(t *testing.T) {
	for _, n := range []int{2, maxRows + 10} {
		s := newSample(t, sec)
		for i := range n {
			task := s.task(fmt.Sprint(i))
			s.run(task, cutoff.Result{Outcome: cutoff.Timeout, Attempt: 1, Wall: sec}, true)
			s.run(task, cutoff.Result{Outcome: cutoff.Failed, Attempt: 2, Wall: sec / 2}, true)
			if i > 0 {
				s.run(task, cutoff.Result{Outcome: cutoff.OK, Attempt: 3, Wall: sec / 4}, false)
			}
		}
		sum := s.summary()
		want := [numClasses]int64{classOK: int64(n) - 1, classNoEnd: 1}
		if got := counts(sum); got != want {
			t.Errorf("%d tasks: counts %v, want %v", n, got, want)
		}
		if sum.retried != int64(2*n) || sum.CutOffWork != time.Duration(n)*sec {
			t.Errorf("%d tasks: %d retried, %v in cut off attempts", n, sum.retried, sum.CutOffWork)
		}
		if !sum.overflow && (len(sum.order) != n || sum.order[0].class != classNoEnd || sum.order[1].attempt != 3) {
			t.Errorf("rows %+v", sum.order)
		}
	}
}

// A later run in the same journal takes up what an earlier one left.
func TestLaterRun(t *testing.T) {
	for _, n := range []int{3, maxRows + 10} {
		s := newSample(t, sec)
		tasks := make([]journal.Task, n)
		for i := range tasks {
			tasks[i] = s.task(fmt.Sprint(i))
		}
		for _, task := range tasks[3:] {
			s.run(task, cutoff.Result{Outcome: cutoff.OK, Attempt: 1, Wall: sec / 2}, false)
		}
		check(t, s.w.Started(journal.Started{Time: s.now, Task: tasks[0], Attempt: 1})) // the machine died
		s.run(tasks[1], cutoff.Result{Outcome: cutoff.Canceled, Attempt: 1, Wall: sec / 3}, false)
		s.run(tasks[2], cutoff.Result{Outcome: cutoff.NotStarted}, false)
		check(t, s.w.Close())
		s.now = s.now.Add(time.Hour)
		s.header.Time = s.now
		var err error
		s.w, err = journal.Append(s.path, s.header, journal.Options{Sync: journal.SyncOff})
		check(t, err)
		for i, o := range []cutoff.Outcome{cutoff.OK, cutoff.Timeout, cutoff.OK} {
			tasks[i].Seq = int64(3 - i)
			s.run(tasks[i], cutoff.Result{Outcome: o, Attempt: 1, Wall: sec}, false)
		}
		sum := s.summary()
		want := [numClasses]int64{classOK: int64(n) - 1, classCutOff: 1}
		if got := counts(sum); got != want {
			t.Errorf("%d tasks: counts %v, want %v", n, got, want)
		}
		if !sum.overflow && len(sum.order) != n {
			t.Errorf("%d rows for %d tasks", len(sum.order), n)
		}
		if sum.Elapsed > time.Minute {
			t.Errorf("the hour between the runs counts: %v", sum.Elapsed)
		}
	}
}

// Equal tasks are tasks of their own.
func TestEqualTasks(t *testing.T) {
	s := newSample(t, sec)
	for range 5 {
		s.add("the same", cutoff.OK, sec)
	}
	if sum := s.summary(); len(sum.order) != 5 || sum.Tasks() != 5 {
		t.Errorf("%d rows, %d tasks", len(sum.order), sum.Tasks())
	}
}

// repeat reads head, and then its line n times.
type repeat struct {
	head, line []byte
	n          int
	rest       []byte
}

func (r *repeat) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		switch {
		case r.head != nil:
			r.rest, r.head = r.head, nil
		case r.n > 0:
			r.rest = r.line
			r.n--
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// The memory for a journal does not grow with it.
func TestFlatMemory(t *testing.T) {
	s := newSample(t, sec)
	s.add("task", cutoff.OK, sec)
	lines := bytes.SplitAfter(s.bytes(), []byte("\n"))
	head := bytes.Join(lines[:2], nil)
	live := func(n int) int64 {
		sum, err := Collect(&repeat{head: head, line: tasksOf(lines[2]), n: n})
		check(t, err)
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if want := int64(n * blockTasks); sum.count(classOK) != want {
			t.Fatalf("%d tasks, want %d", sum.count(classOK), want)
		}
		runtime.KeepAlive(sum)
		return int64(m.HeapAlloc)
	}
	few, many := live(2), live(12)
	if many-few > 1<<20 {
		t.Errorf("%d tasks leave %d KiB on the heap, %d tasks %d KiB", 2*blockTasks, few>>10, 12*blockTasks, many>>10)
	}
}

const blockTasks = 500

// tasksOf returns blockTasks lines with tasks that differ.
func tasksOf(line []byte) []byte {
	var b bytes.Buffer
	for i := range blockTasks {
		b.Write(bytes.Replace(line, []byte(`"occurrence":1`), fmt.Appendf(nil, `"occurrence":%d`, i), 1))
	}
	return b.Bytes()
}

func TestHistogram(t *testing.T) {
	var h histogram
	var all []time.Duration
	for d := time.Duration(1); d < 200*time.Hour; d = d*21/20 + 1 {
		h.add(d)
		all = append(all, d)
	}
	h.add(-5)
	h.add(1<<63 - 1)
	all = append(all, 0, 1<<63-1)
	slices.Sort(all)
	got := h.quantiles(len(all))
	if len(got) != len(all) {
		t.Fatalf("%d quantiles of %d", len(got), len(all))
	}
	for i, want := range all {
		if got[i] < want || float64(got[i]-want) > float64(want)/1000 {
			t.Errorf("quantile %d is %d, want %d", i, got[i], want)
		}
	}
	if q := h.quantiles(3); len(q) != 3 || q[2] != h.max || q[0] > q[1] {
		t.Errorf("thirds %v", q)
	}
}

func TestHistogramBins(t *testing.T) {
	prev := -1
	for d := time.Duration(0); d >= 0 && d < 1<<62; d = d*3/2 + 1 {
		bin := histBin(d)
		if bin < prev || bin >= histBins {
			t.Fatalf("%d is in bin %d after bin %d", d, bin, prev)
		}
		if top := histTop(bin); top < d || histBin(top) != bin || histBin(top+1) != bin+1 {
			t.Fatalf("bin %d of %d ends at %d", bin, d, top)
		}
		prev = bin
	}
}
