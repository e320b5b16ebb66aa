package progress_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// screen shows what a terminal would after the bytes that were written.
func screen(written string) string {
	var lines []string
	line := ""
	for len(written) > 0 {
		switch {
		case strings.HasPrefix(written, "\r\x1b[K"):
			line, written = "", written[4:]
		case strings.HasPrefix(written, "\x1b[?7l"), strings.HasPrefix(written, "\x1b[?7h"):
			written = written[5:]
		case written[0] == '\n':
			lines, line, written = append(lines, line), "", written[1:]
		default:
			line, written = line+written[:1], written[1:]
		}
	}
	return strings.Join(append(lines, line), "\n")
}

func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tty bytes.Buffer
		var width atomic.Int64
		width.Store(200)
		v := progress.Line(&tty, func() int { return int(width.Load()) })
		out := v.Writer(&tty)
		v.Event(started(1, "slow"))
		time.Sleep(5050 * time.Millisecond)
		synctest.Wait()
		const status = "5.00 s: 0 done, 1 running, longest 5.00 s of 1 min 0 s: slow"
		if got := screen(tty.String()); got != status {
			t.Errorf("the terminal shows %q, want %q", got, status)
		}
		if draws := strings.Count(tty.String(), "running"); draws > 51 {
			t.Errorf("drawn %d times in 5 s", draws)
		}

		write(t, out, "a whole line\nand a half")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := screen(tty.String()); got != "a whole line\nand a half" {
			t.Errorf("the terminal shows %q: a status in the middle of a line", got)
		}
		write(t, out, ", and the rest\n")
		width.Store(20)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := screen(tty.String()); got != "a whole line\nand a half, and the rest\n7.00 s: 0 done, 1 r" {
			t.Errorf("the terminal shows %q", got)
		}

		v.Event(ended(1, cutoff.Timeout, nil))
		write(t, out, "the end")
		v.Close()
		if got := screen(tty.String()); got != "a whole line\nand a half, and the rest\nthe end\n" {
			t.Errorf("the terminal shows %q at the end", got)
		}
	})
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
