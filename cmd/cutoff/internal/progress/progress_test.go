package progress_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func started(seq int64, id string) batch.Event {
	return batch.Event{Kind: batch.Started, Attempt: batch.Attempt{Seq: seq, Task: batch.Task{ID: id}, Limits: cutoff.Limits{Timeout: time.Minute}}}
}

func ended(seq int64, o cutoff.Outcome, err error) batch.Event {
	return batch.Event{Kind: batch.Ended, Attempt: batch.Attempt{Seq: seq, Task: batch.Task{ID: "task"}}, Result: cutoff.Result{Outcome: o, Wall: time.Second, ExitCode: 3}, Err: err}
}

func TestPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := progress.Plain(&out)
		for seq, o := range []cutoff.Outcome{cutoff.OK, cutoff.Timeout, cutoff.Failed, cutoff.Crashed, cutoff.Canceled} {
			v.Event(started(int64(seq), "task"))
			v.Event(ended(int64(seq), o, nil))
		}
		missing := errors.New("cutoff: not there")
		for seq := range int64(3) {
			v.Event(ended(10+seq, cutoff.NotStarted, missing))
		}
		v.Event(batch.Event{Kind: batch.Stopping})
		v.Event(ended(20, cutoff.NotStarted, errors.New("batch: not started: interrupted")))
		want := "cutoff: cut off (timeout) after 1.00 s: task\n" +
			"cutoff: failed (exit status 3) after 1.00 s: task\n" +
			"cutoff: failed (crashed) after 1.00 s: task\n" +
			"cutoff: not started: task: not there\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
		v.Close()
	})
}

// TestPlainIsNotSilent waits for the line of each half minute, which names the
// attempt that runs longest and not the one that started last.
func TestPlainIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := progress.Plain(&out)
		v.Event(started(1, "slow\n"))
		time.Sleep(10 * time.Second)
		v.Event(started(2, "new"))
		time.Sleep(25 * time.Second)
		v.Event(ended(3, cutoff.Timeout, nil))
		v.Event(ended(4, cutoff.Crashed, nil))
		time.Sleep(30 * time.Second)
		v.Close()
		want := `cutoff: 30.0 s: 0 done, 2 running, longest 30.0 s of 1 min 0 s: slow\n` + "\n" +
			"cutoff: cut off (timeout) after 1.00 s: task\n" +
			"cutoff: failed (crashed) after 1.00 s: task\n" +
			`cutoff: 1 min 0 s: 2 done, 1 cut off, 1 crashed, 2 running, longest 1 min 0 s of 1 min 0 s: slow\n` + "\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	})
}

// terminal is what stands on one after bytes were written to it.
type terminal struct {
	lines []string
	row   int
	col   int
}

// show returns the lines that a terminal shows, without colors.
func show(t *testing.T, written string) string {
	t.Helper()
	term := terminal{lines: []string{""}}
	for len(written) > 0 {
		if rest, ok := strings.CutPrefix(written, "\x1b["); ok {
			i := strings.IndexAny(rest, "AJKhlm")
			if i < 0 {
				t.Fatalf("control sequence %.10q", written)
			}
			term.control(t, rest[:i], rest[i])
			written = rest[i+1:]
			continue
		}
		r, n := utf8.DecodeRuneInString(written)
		term.put(r)
		written = written[n:]
	}
	return strings.Join(term.lines, "\n")
}

func (term *terminal) control(t *testing.T, arg string, what byte) {
	line := []rune(term.lines[term.row])
	switch what {
	case 'A':
		n, err := strconv.Atoi(arg)
		if err != nil || n > term.row {
			t.Fatalf("%q lines up from line %d", arg, term.row)
		}
		term.row -= n
	case 'J':
		term.lines = term.lines[:term.row+1]
		fallthrough
	case 'K':
		term.lines[term.row] = string(line[:min(term.col, len(line))])
	case 'h', 'l':
		if arg != "?7" {
			t.Fatalf("mode %q", arg)
		}
	}
}

func (term *terminal) put(r rune) {
	switch r {
	case '\r':
		term.col = 0
	case '\n':
		term.row, term.col = term.row+1, 0
		if term.row == len(term.lines) {
			term.lines = append(term.lines, "")
		}
	default:
		line := []rune(term.lines[term.row])
		for len(line) <= term.col {
			line = append(line, ' ')
		}
		line[term.col] = r
		term.lines[term.row] = string(line)
		term.col++
	}
}

// A batch on a terminal: its lines stand below what the tasks write, never in
// the middle of it, and are gone at the end.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tty bytes.Buffer
		var columns, rows atomic.Int64
		columns.Store(72)
		rows.Store(24)
		v := progress.Live(&tty, progress.Terminal{Size: func() (int, int) { return int(columns.Load()), int(rows.Load()) }, Color: true})
		defer v.Close()
		out := v.Writer(&tty)
		v.Expect(8, time.Now().Add(3*time.Minute))
		check := func(what, want string) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			if got := show(t, tty.String()); got != want {
				t.Errorf("%s, the terminal shows\n%s\nwant\n%s", what, got, want)
			}
		}
		v.Event(started(1, "slow"))
		v.Event(started(2, "日本語"))
		check("two run", ""+
			"  0% .................... 0/8, 1.00 s, ends in 2 min 59 s at the latest\n"+
			"0 ok, 2 running\n"+
			"  slow   .............................. 1.00 s of 1 min 0 s\n"+
			"  日本語 .............................. 1.00 s of 1 min 0 s")
		if draws := strings.Count(tty.String(), "running"); draws > 10 {
			t.Errorf("drawn %d times in a second", draws)
		}

		write(t, out, "a whole line\nand a half")
		check("in a line", "a whole line\nand a half")
		write(t, out, ", and the rest\n")
		v.Event(ended(2, cutoff.Timeout, nil))
		v.Event(batch.Event{Kind: batch.Skipped, Attempt: batch.Attempt{Seq: 3}, Result: cutoff.Result{Outcome: cutoff.OK}})
		columns.Store(50)
		check("narrow", "a whole line\nand a half, and the rest\n"+
			" 25% 2/8, 3.00 s, 0.3/s, ends in about 18 s, 2 m…\n"+
			"1 ok, 1 cut off, 1 running, 100% of the time for…\n"+
			"  slow =..................... 3.00 s of 1 min 0 s")
		write(t, out, "more") // so that nothing stands there to be wrapped
		rows.Store(4)
		columns.Store(20)
		write(t, out, "\n")
		check("tiny", "a whole line\nand a half, and the rest\nmore\n"+
			" 25% 2/8, 4.00 s, …\n"+
			"1 ok, 1 cut off, 1…")

		rows.Store(40)
		columns.Store(120)
		for seq := range int64(5) {
			v.Event(ended(10+seq, cutoff.OK, nil))
		}
		check("the last one", "a whole line\nand a half, and the rest\nmore\n"+
			" 87% ====================================================........ 7/8, 5.00 s, 1.2/s, ends in 55 s at the latest\n"+
			"6 ok, 1 cut off, 1 running, 17% of the time for what was cut off\n"+
			"  slow ==............................ 5.00 s of 1 min 0 s")
		v.Event(ended(1, cutoff.Timeout, nil))
		write(t, out, "the end")
	})
}

// When it ends the screen is the tasks'.
func TestLiveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tty bytes.Buffer
		v := progress.Live(&tty, progress.Terminal{Size: func() (int, int) { return 80, 24 }, Unicode: true})
		v.Event(started(1, "slow"))
		time.Sleep(time.Second)
		write(t, v.Writer(&tty), "out")
		v.Close()
		if got := show(t, tty.String()); got != "out\n" {
			t.Errorf("the terminal shows %q at the end", got)
		}
	})
}

// While the program is stopped the terminal is the shell's, and no task's time
// goes on.
func TestLiveHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tty bytes.Buffer
		v := progress.Live(&tty, progress.Terminal{Size: func() (int, int) { return 80, 24 }})
		defer v.Close()
		v.Event(started(1, "slow"))
		time.Sleep(5 * time.Second)
		v.Hide()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := show(t, tty.String()); got != "" {
			t.Errorf("the terminal shows %q", got)
		}
		v.Show()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := show(t, tty.String()); !strings.Contains(got, " 6.00 s of 1 min 0 s") {
			t.Errorf("the terminal shows %q", got)
		}
	})
}

// A terminal that became narrower has wrapped what stood on it.
func TestLiveWrapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tty bytes.Buffer
		var columns atomic.Int64
		columns.Store(80)
		v := progress.Live(&tty, progress.Terminal{Size: func() (int, int) { return int(columns.Load()), 24 }})
		for seq := range int64(3) {
			v.Event(started(seq, strings.Repeat("x", 30)))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		tty.Reset()
		columns.Store(40) // each row takes two lines now
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := tty.String(); !strings.HasPrefix(got, "\x1b[?7l\r\x1b[7A") {
			t.Errorf("drawn %.40q", got)
		}
		v.Close()
	})
}

func TestJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		v := progress.JSON(&out)
		latest := time.Now().Add(time.Minute)
		v.Expect(4, latest)
		v.Event(started(1, "a"))
		v.Event(started(2, "b"))
		v.Event(ended(1, cutoff.Timeout, nil))
		time.Sleep(2500 * time.Millisecond)
		v.Event(ended(2, cutoff.OK, nil))
		v.Close()
		var last progress.Status
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		for _, line := range lines {
			last = progress.Status{}
			d := json.NewDecoder(strings.NewReader(line))
			d.DisallowUnknownFields()
			if err := d.Decode(&last); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
		}
		want := progress.Status{
			Elapsed: 2500 * time.Millisecond, Tasks: 4, Done: 2, Outcomes: map[cutoff.Outcome]int64{cutoff.OK: 1, cutoff.Timeout: 1},
			Time: 2 * time.Second, CutOff: time.Second, Rate: 0.5, Left: 4 * time.Second, Latest: last.Latest,
		}
		if len(lines) != 3 || !reflect.DeepEqual(last, want) || last.Latest == nil || !last.Latest.Equal(latest) {
			t.Errorf("%d lines, the last %+v, want %+v", len(lines), last, want)
		}
	})
}

// The document names each field.
func TestStatusDocument(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/BATCH.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[progress.Status]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !strings.Contains(string(doc), "\n| `"+name+"` |") {
			t.Errorf("docs/BATCH.md does not name %s", name)
		}
	}
}

func write(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if n, err := io.WriteString(w, s); n != len(s) || err != nil {
		t.Fatal(n, err)
	}
}

func TestText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                               "0.0 ms",
		300 * time.Microsecond:          "0.3 ms",
		12 * time.Millisecond:           "12 ms",
		999600 * time.Microsecond:       "1.00 s",
		5010 * time.Millisecond:         "5.01 s",
		9996 * time.Millisecond:         "10.0 s",
		12300 * time.Millisecond:        "12.3 s",
		59960 * time.Millisecond:        "1 min 0 s",
		192 * time.Second:               "3 min 12 s",
		time.Hour - time.Millisecond:    "1 h 0 min",
		125 * time.Minute:               "2 h 5 min",
		24*time.Hour - time.Millisecond: "1 d 0 h",
		99 * time.Hour:                  "4 d 3 h",
	} {
		if got := progress.Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := progress.Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for in, want := range map[string]string{"a b": "a b", "a\nb": `a\nb`, "\x1b[31m": `\x1b[31m`, "\xff": `\xff`, "日本語日本語": "日本語日…"} {
		if got := progress.OneLine(in, map[bool]int{true: 4, false: 40}[in == "日本語日本語"]); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", in, got, want)
		}
	}
}
