package worker

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/internal/wire"
)

func init() {
	// leave leaves a goroutine behind.
	functions["leave"] = func(_ context.Context, in []byte) ([]byte, error) {
		go func() { select {} }()
		return in, nil
	}
	// swell returns as many bytes as its input says.
	functions["swell"] = func(_ context.Context, in []byte) ([]byte, error) {
		n, err := strconv.Atoi(string(in))
		return bytes.Repeat([]byte{byte(n)}, n), err
	}
}

// rowOf is a row of calls of the functions named, each with its place as input,
// or with what stands behind a colon.
func rowOf(functions ...string) []Call {
	var calls []Call
	for i, f := range functions {
		f, in, ok := strings.Cut(f, ":")
		if !ok {
			in = strconv.Itoa(i)
		}
		calls = append(calls, Call{Func: f, In: []byte(in), Timeout: bound})
	}
	return calls
}

// begin begins a row once the worker has a page of which it has been seen that
// it serves it. A machine that is so busy that the row leaves it in between has
// it once more, with a new worker.
func begin(t *testing.T, want int, calls ...Call) (w *Worker, ends []Ending, under bool) {
	t.Helper()
	for try := 0; ; try++ {
		w = start(t)
		awaitPage(t, w)
		ends = make([]Ending, len(calls))
		n, under := w.Begin(calls, ends)
		if n == want || try == 50 {
			return w, ends[:n], under
		}
		if under {
			w.Kill()
			w.Finish()
		}
	}
}

func TestRow(t *testing.T) {
	calls := rowOf(strings.Split(strings.Repeat("echo ", 100), " ")[:100]...)
	begun := time.Now()
	w, ends, under := begin(t, len(calls), calls...)
	if len(ends) != len(calls) || under {
		t.Fatalf("%d ended, one under way: %v", len(ends), under)
	}
	last := begun
	for i, end := range ends {
		if end.Reply != wire.KindDone || string(end.Body) != strconv.Itoa(i) || end.Gone || end.Limit != NoLimit {
			t.Errorf("%d: %+v", i, end)
		}
		if end.Started.Before(last) || end.Ended.Before(end.Started) || end.Ended.Sub(end.Started) > end.Meter.Wall {
			t.Errorf("%d: from %v to %v, after %v; it took %v", i, end.Started, end.Ended, last, end.Meter.Wall)
		}
		last = end.Ended
	}
	if last.After(time.Now()) {
		t.Error("the last ended in the future")
	}
	if end := w.Do(rowOf("echo")[0]); string(end.Body) != "0" {
		t.Errorf("after the row: %+v", end)
	}
}

// TestRowStops holds where a row ends before its end: what has replied by then
// has, and what stands behind the last has not begun.
func TestRowStops(t *testing.T) {
	name := t.TempDir() + "/tally"
	count := mapTally(name)
	t.Setenv(tallyVar, name)
	for _, c := range []struct {
		why   string
		fn    string
		ended int
		under bool
		gone  bool
		reply wire.Kind // of the one under way, or else of the last
	}{
		{"a panic", "panic", 3, false, false, wire.KindPanic},
		{"a goroutine left behind", "leave", 2, true, false, wire.KindDone}, // it is given time to end
		{"a reply in the area", "swell:70000", 3, false, false, wire.KindDone},
		{"a reply for which there is no room", "swell:65400", 2, true, false, wire.KindDone},
		{"a reply for the pipe", "swell:2000000", 2, true, false, wire.KindDone},
		{"something else to say", "beats", 2, true, false, wire.KindDone},
		{"a death", "die:taken", 2, true, true, 0},
		{"a death behind the reply", "die:piped", 2, true, false, wire.KindDone},
		{"a stop", "stop", 2, true, true, 0},
		{"no end", "spin", 2, true, true, 0},
	} {
		calls := rowOf("echo", "echo", c.fn, "tally", "tally")
		calls[2].Timeout = 100 * time.Millisecond
		if c.reply != 0 {
			calls[2].Timeout = bound
		}
		w, ends, under := begin(t, c.ended, calls...)
		if len(ends) != c.ended || under != c.under {
			t.Errorf("%s: %d ended, one under way: %v", c.why, len(ends), under)
			continue
		}
		for i, end := range ends[:2] {
			if string(end.Body) != strconv.Itoa(i) {
				t.Errorf("%s: %d: %+v", c.why, i, end)
			}
		}
		last := ends[len(ends)-1]
		if under {
			last = w.Finish()
		}
		if last.Reply != c.reply || last.Gone != c.gone || last.Started.IsZero() || last.Broken != nil || (last.Limit == TimeoutLimit) != (c.gone && !strings.HasPrefix(c.fn, "die")) {
			t.Errorf("%s: %+v", c.why, last)
		}
		if ran := count.began.Load(); ran != 0 {
			t.Fatalf("%s: what had not begun ran %d times", c.why, ran)
		}
		if last.Gone || last.Reply == wire.KindPanic || c.fn == "die:piped" {
			continue
		}
		if end := w.Do(rowOf("echo")[0]); string(end.Body) != "0" {
			t.Errorf("%s: the next call: %+v", c.why, end)
		}
	}
}

// TestRowKilledAfterReply holds that a reply at the page is one, though the
// worker was dead when its caller came, and that those behind it did not begin.
func TestRowKilledAfterReply(t *testing.T) {
	w, ends, under := begin(t, 3, rowOf("echo", "echo", "die:done", "tally")...)
	if len(ends) != 3 || string(ends[2].Body) != kept || !under {
		t.Fatalf("%d ended, one under way: %v: %+v", len(ends), under, ends)
	}
	if end := w.Finish(); !end.Started.IsZero() || !end.Gone {
		t.Errorf("the one behind it: %+v", end)
	}
}

// TestRowAlone holds which calls are in no row.
func TestRowAlone(t *testing.T) {
	closed := make(chan struct{})
	for why, c := range map[string]Call{
		"a short limit":  {Timeout: rowLimit - 1},
		"a short idle":   {Timeout: bound, Idle: rowLimit - 1},
		"a large input":  {In: make([]byte, rowInput+1)},
		"output to see":  {Full: closed},
		"a start to see": {Started: func(time.Time) {}},
		"a beat to see":  {Beat: func(float64) {}},
		"a limit of CPU": {CPU: time.Minute},
		"one of memory":  {Memory: 1 << 40},
	} {
		c.Func = "echo"
		other := rowOf("echo")[0]
		for _, calls := range [][]Call{{c, other}, {other, c}} {
			w := start(t)
			awaitPage(t, w)
			n, under := w.Begin(calls, make([]Ending, 2))
			if under {
				w.Finish()
			}
			if n+boolInt(under) != 1 {
				t.Errorf("%s: %d in a row", why, n)
			}
		}
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestRowSlots fills the slots to their ends.
func TestRowSlots(t *testing.T) {
	for _, size := range []int{1000, 3000, rowInput} {
		var calls []Call
		for i := range 100 {
			calls = append(calls, Call{Func: "echo", In: bytes.Repeat([]byte{byte(i)}, size), Timeout: bound})
		}
		w, ends := start(t), make([]Ending, len(calls))
		awaitPage(t, w)
		for done := 0; done < len(calls); {
			n, under := w.Begin(calls[done:], ends[done:])
			if under {
				ends[done+n] = w.Finish()
				n++
			}
			done += n
		}
		for i, end := range ends {
			if !bytes.Equal(end.Body, calls[i].In) {
				t.Fatalf("%d bytes, call %d: %d came back: %+v", size, i, len(end.Body), end)
			}
		}
	}
}

// TestRowNoise lets functions write anything into the page while they are in a
// row: nobody gets a torn reply, and who gets none has a worker that is gone.
func TestRowNoise(t *testing.T) {
	for i := range uint64(60) {
		var calls []Call
		for j := range uint64(8) {
			f := "echo"
			if rand.IntN(4) == 0 {
				f = "noisy"
			}
			calls = append(calls, Call{Func: f, In: binary.LittleEndian.AppendUint64(nil, 8*i+j), Timeout: 50 * time.Millisecond})
		}
		w, ends := start(t), make([]Ending, len(calls))
		n, under := w.Begin(calls, ends)
		if under {
			ends[n] = w.Finish()
			n++
		}
		for j, end := range ends[:n] {
			if end.Reply == wire.KindDone && !bytes.Equal(end.Body, calls[j].In) {
				t.Fatalf("%d: torn reply: %+v", i, end)
			}
			if end.Reply == 0 && !end.Gone {
				t.Fatalf("%d: no reply, and the worker lives: %+v", i, end)
			}
		}
	}
}

// TestRowStorm kills workers at random instants of their rows: each call has one
// whole answer or none, and what has not begun has not run. CUTOFF_STORM sets the
// number of kills.
func TestRowStorm(t *testing.T) {
	name := t.TempDir() + "/tally"
	count := mapTally(name)
	var replies, lost, unbegun int
	for i := range storm(t) {
		w, err := Start(config(tallyVar+"="+name, "GOMAXPROCS="+strconv.Itoa(1+i%2)))
		if err != nil {
			t.Fatal(err)
		}
		dead := make(chan struct{})
		after := time.Duration(rand.IntN(4000)) * time.Microsecond
		go func() {
			defer close(dead)
			for end := time.Now().Add(after); time.Now().Before(end); {
			}
			_ = unix.Kill(w.PID(), unix.SIGKILL)
		}()
		for gone := false; !gone; {
			before := count.began.Load()
			var calls []Call
			for j := range 1 + rand.IntN(40) {
				calls = append(calls, Call{Func: "tally", In: bytes.Repeat([]byte{byte(j)}, rand.IntN(300)), Timeout: bound})
			}
			ends := make([]Ending, len(calls))
			n, under := w.Begin(calls, ends)
			ran := uint64(n)
			for j, end := range ends[:n] {
				if end.Reply != wire.KindDone || !bytes.Equal(end.Body, calls[j].In) || end.Started.IsZero() {
					t.Fatalf("kill %d, call %d: %+v", i, j, end)
				}
				gone = gone || end.Gone
			}
			replies += n
			if under {
				end := w.Finish()
				gone = end.Gone
				switch {
				case end.Reply != 0:
					ran++
					replies++
				case !end.Gone || end.Broken != nil:
					t.Fatalf("kill %d: %+v", i, end)
				case end.Started.IsZero():
					unbegun++
				default: // it may have died before it came to the function
					lost++
					if count.began.Load()-before == ran+1 {
						ran++
					}
				}
			}
			if got := count.began.Load() - before; got != ran {
				t.Fatalf("kill %d: %d ran, and %d should have", i, got, ran)
			}
		}
		<-dead
		w.Close()
	}
	t.Logf("%d replies; of the calls without one %d had begun, %d not", replies, lost, unbegun)
}
