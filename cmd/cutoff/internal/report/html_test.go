package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// The page's own style and script are left out of its golden files.
func TestGoldenHTML(t *testing.T) {
	for _, name := range []string{"outcomes", "hostile", "hundred"} {
		got := string(write(t, samples[name](t), HTML))
		inPage := strings.NewReplacer("'", "&#39;", "+", "&#43;") // as html/template writes an attribute
		for old, short := range map[string]string{pageCSS: "/* page.css */", pageJS: "// page.js\n", inPage.Replace(policy()): "policy"} {
			if strings.Count(got, old) != 1 {
				t.Errorf("%s: the page has not exactly one %q", name, short)
			}
			got = strings.Replace(got, old, short, 1)
		}
		golden(t, name+".html", []byte(got))
	}
}

// maxPage is how large a page may be, whatever the batch.
const maxPage = 2 << 20

// Whatever tasks are called and however many there are, the page is small,
// has few elements, and says what it leaves out.
func TestPageIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes a journal of many tasks")
	}
	var big bytes.Buffer
	check(t, writeLarge(&big, 6_000))
	s := newSample(t, sec)
	s.header.Slots = 1000
	evil := strings.Repeat("<\x1b\xff&\u202e", 150)
	for i := range 4000 {
		task := s.task(fmt.Sprintf("%d%s", i, evil))
		task.Slot = i%1000 + 1
		o := []cutoff.Outcome{cutoff.OK, cutoff.Failed, cutoff.Timeout, cutoff.Canceled}[i%4]
		s.run(task, cutoff.Result{Outcome: o, Attempt: 1, Wall: time.Duration(i) * time.Millisecond, Output: evil, Stack: evil}, false)
	}
	for name, b := range map[string][]byte{"large": big.Bytes(), "evil": s.bytes()} {
		var page bytes.Buffer
		_, err := Write(&page, HTML, bytes.NewReader(b))
		check(t, err)
		if page.Len() > maxPage {
			t.Errorf("%s: %d bytes", name, page.Len())
		}
		if n := bytes.Count(page.Bytes(), []byte("<")); n > 2000 {
			t.Errorf("%s: %d tags", name, n)
		}
		if !regexp.MustCompile(`Showing [\d,]+ of (6|4),000 rows`).Match(page.Bytes()) {
			t.Errorf("%s: it does not say what it leaves out", name)
		}
	}
}

// The data that the page carries, as its script reads it.
type pageData struct {
	Fields   []string
	Outcomes map[string]outcomeView
	Rows     [][]any
}

func dataOf(t *testing.T, page []byte) (d pageData) {
	t.Helper()
	_, rest, ok := strings.Cut(string(page), `<script type="application/json" id="data">`)
	text, _, end := strings.Cut(rest, "</script>")
	if !ok || !end {
		t.Fatal("no data in the page")
	}
	check(t, json.Unmarshal([]byte(text), &d))
	return d
}

// Each attempt of a small batch is in the list once, with every field.
func TestPageLists(t *testing.T) {
	d := dataOf(t, write(t, sampleOutcomes(t), HTML))
	if len(d.Rows) != 11 { // ten tasks, one of them twice
		t.Errorf("%d rows", len(d.Rows))
	}
	for _, row := range d.Rows {
		if len(row) != len(d.Fields) {
			t.Fatalf("%d fields, want %d", len(row), len(d.Fields))
		}
		if _, ok := d.Outcomes[row[3].(string)]; !ok {
			t.Errorf("the outcome %q is not described", row[3])
		}
	}
}

// A sample has its part of every class, what the page refers to is in it, and
// the same journal gives the same page.
func TestSample(t *testing.T) {
	s := newSample(t, sec)
	for i := range 9000 {
		o := cutoff.OK
		if i%300 == 7 {
			o = cutoff.Timeout
		}
		s.add(fmt.Sprint(i), o, time.Duration(i)*time.Microsecond)
	}
	page := write(t, s, HTML)
	if !bytes.Equal(page, write(t, s, HTML)) {
		t.Error("two pages of one journal differ")
	}
	d := dataOf(t, page)
	ids, cutOffs := map[string]bool{}, 0
	for _, row := range d.Rows {
		ids[fmt.Sprintf("#task=%v.%v.%v", row[0], row[1], row[4])] = true
		if row[3] == "timeout" {
			cutOffs++
		}
	}
	if cutOffs != 30 {
		t.Errorf("%d of 30 cut off tasks are listed", cutOffs)
	}
	links := regexp.MustCompile(`#task=[\d.]+`).FindAllString(string(page), -1)
	if len(links) < 20 {
		t.Fatalf("%d links", len(links))
	}
	for _, link := range links {
		if !ids[link] {
			t.Errorf("%s leads nowhere", link)
		}
	}
}

func TestShareOut(t *testing.T) {
	for _, c := range []struct {
		counts []int
		room   int
		want   string
	}{
		{[]int{5000, 10, 0, 5000}, 3000, "[1495 10 0 1495]"},
		{[]int{3, 2, 1}, 100, "[3 2 1]"},
		{[]int{5, 5}, 0, "[0 0]"},
	} {
		if got := fmt.Sprint(shareOut(c.counts, c.room)); got != c.want {
			t.Errorf("%v in %d: %s, want %s", c.counts, c.room, got, c.want)
		}
	}
}

// However long the batch and however many its slots, the lanes keep all of the
// time that attempts took.
func TestLanes(t *testing.T) {
	l := newLanes()
	var want time.Duration
	for i := range 5000 {
		begin := time.Duration(i) * 37 * time.Millisecond
		wall := time.Duration(i%97) * time.Millisecond
		l.add(i%300+1, class(i%3), begin, begin+wall)
		l.wait(begin, +1)
		want += wall
	}
	l.add(1, classOK, 0, 400*time.Hour)
	want += 400 * time.Hour
	var got time.Duration
	var begun int64
	for _, lane := range l.busy {
		for _, bin := range lane {
			for _, d := range bin {
				got += d
			}
		}
	}
	for _, n := range l.begun {
		begun += n
	}
	if got != want || begun != 5000 {
		t.Errorf("%v and %d starts, want %v and 5000", got, begun, want)
	}
	if len(l.busy) > maxLanes || l.slots < 300/maxLanes {
		t.Errorf("%d lanes of %d slots", len(l.busy), l.slots)
	}
	if r := l.running(); len(r) > laneBins || r[len(r)-1] < 0.99 || r[len(r)-1] > 1.01 {
		t.Errorf("running at the end: %v", r[len(r)-1])
	}
	if w := l.waiting(5000); w[0] != 5000 || w[len(w)-1] != 0 {
		t.Errorf("waiting: from %v to %v", w[0], w[len(w)-1])
	}
}

// Times that no clock shows do no harm.
func TestLanesOfMadeUpTimes(t *testing.T) {
	s := newSample(t, sec)
	task := s.task("x")
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(1<<36, 0), s.now} {
		check(t, s.w.Started(journal.Started{Time: at, Task: task, Attempt: 1}))
		check(t, s.w.Ended(journal.Ended{Time: at, Task: task, Result: cutoff.Result{Outcome: cutoff.OK, Attempt: 1, Started: at, Wall: 1<<63 - 1}}))
	}
	for i := range 100 {
		s.add(fmt.Sprint(i), cutoff.OK, -5)
	}
	for _, f := range Formats {
		write(t, s, f)
	}
}

// A task that waits for another attempt, and one that a later run goes on
// with, are counted as without an end exactly as long as they are.
func TestWithoutAnEnd(t *testing.T) {
	s := newSample(t, sec)
	a, b := s.task("a"), s.task("b")
	s.run(a, cutoff.Result{Outcome: cutoff.Failed, Attempt: 1, Wall: 1}, true)
	check(t, s.w.Started(journal.Started{Time: s.now, Task: b, Attempt: 1}))
	if n := s.summary().count(classNoEnd); n != 2 {
		t.Errorf("%d tasks without an end, want 2", n)
	}
	check(t, s.w.Close())
	s.header.Time = s.now.Add(time.Hour)
	var err error
	s.w, err = journal.Append(s.path, s.header, journal.Options{Sync: journal.SyncOff})
	check(t, err)
	s.run(a, cutoff.Result{Outcome: cutoff.OK, Attempt: 2, Wall: 1}, false) // attempts count on
	check(t, s.w.Started(journal.Started{Time: s.now, Task: b, Attempt: 2}))
	if sum := s.summary(); sum.count(classNoEnd) != 1 || sum.Tasks() != 2 {
		t.Errorf("%d of %d tasks without an end, want 1 of 2", sum.count(classNoEnd), sum.Tasks())
	}
}
