package worker

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/internal/wire"
)

const kept = "said before the kill"

func init() {
	// die is killed when the page is as its input says.
	functions["die"] = func(ctx context.Context, in []byte) ([]byte, error) {
		c := FromContext(ctx)
		prepareDeath(c, string(in))
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
	// stop is stopped in the middle, and returns when it goes on.
	functions["stop"] = func(_ context.Context, in []byte) ([]byte, error) {
		goesOn := make(chan os.Signal, 1)
		signal.Notify(goesOn, unix.SIGCONT)
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		<-goesOn
		signal.Stop(goesOn)
		return in, nil
	}
	// spoil leaves another word, and comes back.
	functions["spoil"] = func(ctx context.Context, in []byte) ([]byte, error) {
		p := FromContext(ctx).server.page
		p.word.Store(turn(p.number+binary.LittleEndian.Uint32(in), posted))
		return in, nil
	}
	// again counts its runs, and turns the word as if it were called again.
	functions["again"] = func(ctx context.Context, _ []byte) ([]byte, error) {
		ours.began.Add(1)
		p := FromContext(ctx).server.page
		p.word.Store(turn(p.number+7, posted))
		return nil, nil
	}
	// boast says that it took an impossible time.
	functions["boast"] = func(ctx context.Context, _ []byte) ([]byte, error) {
		c := FromContext(ctx)
		c.server.deliver(wire.KindDone, c.id, wire.Meter{Wall: math.MaxInt64}, []byte(kept))
		select {}
	}
}

func prepareDeath(c *Running, how string) {
	s := c.server
	p, meter := s.page, wire.Meter{Wall: 1}.Append(nil)
	switch how {
	case "taken":
	case "half":
		frame := make([]byte, slotSize)
		s.conn.Put(frame, wire.KindDone, c.id, meter, []byte(kept))
		copy(p.reply, frame[:40])
	case "whole, not turned":
		s.conn.Put(p.reply, wire.KindDone, c.id, meter, []byte(kept))
	case "left":
		p.turnFrom(p.number, left)
	case "done":
		s.deliver(wire.KindDone, c.id, wire.Meter{Wall: 1}, []byte(kept))
	case "piped":
		s.send(wire.KindDone, c.id, meter, []byte(kept))
	}
}

// TestKilledInEachState kills the worker in every state that the word can
// have: what was said before is a result, and nothing else is.
func TestKilledInEachState(t *testing.T) {
	for _, c := range []struct {
		how   string
		reply wire.Kind
	}{
		{"taken", 0}, {"half", 0}, {"whole, not turned", 0}, {"left", 0},
		{"done", wire.KindDone}, {"piped", wire.KindDone},
	} {
		w := start(t)
		end := w.Do(Call{Func: "die", In: []byte(c.how), Timeout: bound})
		<-w.Exited()
		switch {
		case end.Reply != c.reply, end.Started.IsZero(), end.Broken != nil, end.Limit != NoLimit, end.Ended.Before(end.Started):
			t.Errorf("%s: %+v", c.how, end)
		case end.Reply != 0 && string(end.Body) != kept:
			t.Errorf("%s: it said %q", c.how, end.Body)
		case end.Reply == 0 && (!end.Gone || end.Status.Signal != unix.SIGKILL):
			t.Errorf("%s: %+v", c.how, end)
		}
	}
}

// TestKilledBeforeTaken kills a worker that has not taken the call up: before
// it is posted, and when the caller has left the page.
func TestKilledBeforeTaken(t *testing.T) {
	w := start(t)
	w.Kill()
	<-w.Exited()
	if end := w.Do(Call{Func: "echo", Timeout: bound}); !end.Started.IsZero() || !end.Gone || end.Reply != 0 || end.Broken != nil {
		t.Errorf("dead before: %+v", end)
	}

	w = start(t)
	stopAndWait(t, w)
	ended := make(chan Ending)
	next := turn(w.page.number+1, left)
	word := &w.page.word
	go func() { ended <- w.Do(Call{Func: "echo", Timeout: time.Nanosecond}) }()
	for word.Load() != next {
		time.Sleep(time.Millisecond)
	}
	w.Kill()
	if end := <-ended; !end.Started.IsZero() || !end.Gone || end.Reply != 0 || end.Broken != nil || end.Limit != NoLimit {
		t.Errorf("stopped: %+v", end)
	}
}

func stopAndWait(t *testing.T, w *Worker) {
	t.Helper()
	if err := unix.Kill(w.PID(), unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitStop(t, w)
}

func awaitStop(t *testing.T, w *Worker) {
	t.Helper()
	for end := time.Now().Add(bound); !w.tree.Stopped(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not stopped")
		}
	}
}

// TestStoppedInTheMiddle stops the worker in the middle of a page's call: its
// limit is kept, and if it goes on in time the call is none the worse.
func TestStoppedInTheMiddle(t *testing.T) {
	w := start(t)
	end := w.Do(Call{Func: "stop", Timeout: 100 * time.Millisecond})
	if end.Limit != TimeoutLimit || !end.Gone || end.Reply != 0 || end.Status.Signal != unix.SIGKILL {
		t.Errorf("%+v", end)
	}

	w = start(t)
	for range 3 {
		ended := make(chan Ending)
		go func() { ended <- w.Do(Call{Func: "stop", In: []byte("on"), Timeout: bound}) }()
		awaitStop(t, w)
		if err := unix.Kill(w.PID(), unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if end := <-ended; string(end.Body) != "on" || end.Limit != NoLimit {
			t.Errorf("%+v", end)
		}
	}
}

// TestSpoiled holds that a call whose page makes no sense has no result, also
// where the function goes on to reply over the pipe. A caller who had left the
// page before gets his reply.
func TestSpoiled(t *testing.T) {
	for i := range uint32(40) {
		w, err := Start(config())
		if err != nil {
			t.Fatal(err)
		}
		end := w.Do(Call{Func: "spoil", In: binary.LittleEndian.AppendUint32(nil, i*i+1), Timeout: bound})
		if (end.Broken != nil) == (end.Reply != 0) || end.Started.IsZero() || end.Broken != nil && !end.Gone {
			t.Errorf("%d: %+v", i, end)
		}
		w.Close()
	}
}

// TestNotAgain holds that a worker does not take its last request for a new
// one.
func TestNotAgain(t *testing.T) {
	name := t.TempDir() + "/tally"
	count := mapTally(name)
	for i := range uint64(20) {
		w, err := Start(config(tallyVar + "=" + name))
		if err != nil {
			t.Fatal(err)
		}
		w.Do(Call{Func: "again", Timeout: bound})
		w.Close()
		if ran := count.began.Load() - i; ran != 1 {
			t.Fatalf("it ran %d times", ran)
		}
	}
}

// TestBoast holds that a worker's account of its time is believed only as far
// as it is possible.
func TestBoast(t *testing.T) {
	w := start(t)
	begun := time.Now()
	if end := w.Do(Call{Func: "boast", Timeout: bound}); string(end.Body) != kept || end.Started.Before(begun) || end.Ended.Before(end.Started) {
		t.Errorf("%+v", end)
	}
}

// TestSpinIsBound shows that a caller who looks at the page for long hears of
// its limit all the same.
func TestSpinIsBound(t *testing.T) {
	c := config()
	c.Spin = time.Hour
	w, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if end := w.Do(Call{Func: "spin", Timeout: 50 * time.Millisecond}); end.Limit != TimeoutLimit || !end.Gone {
		t.Errorf("%+v", end)
	}
}

// TestUnmapped holds that a worker which is closed leaves nothing in the
// program's memory.
func TestUnmapped(t *testing.T) {
	before := pagesMapped(t)
	w, err := Start(config())
	if err != nil {
		t.Fatal(err)
	}
	if during := pagesMapped(t); during == before {
		t.Errorf("%d mappings, %d before", during, before)
	}
	w.Close()
	if after := pagesMapped(t); after != before {
		t.Errorf("%d mappings, %d before", after, before)
	}
}

func pagesMapped(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "cutoff page")
}

// TestTrim holds that the memory of a large payload is given back but for a
// part.
func TestTrim(t *testing.T) {
	w := start(t)
	w.page.keep = 1 << 20
	for _, size := range []int{5 << 20, 70 << 10, 5<<20 + 77} {
		in := bytes.Repeat([]byte{7}, size)
		if end := w.Do(Call{Func: "echo", In: in, Timeout: bound}); !bytes.Equal(end.Body, in) {
			t.Fatalf("%d bytes came back", len(end.Body))
		}
		for i, area := range w.page.areas {
			if got := resident(t, area[:8<<20]); got > w.page.keep+1<<20 {
				t.Errorf("area %d has %d bytes after %d", i, got, size)
			}
		}
	}
}

// resident returns how much of the memory is there.
func resident(t *testing.T, mem []byte) int {
	t.Helper()
	size := os.Getpagesize()
	pages := make([]byte, len(mem)/size)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), uintptr(unsafe.Pointer(&pages[0]))); errno != 0 {
		t.Fatal(errno)
	}
	n := 0
	for _, p := range pages {
		n += int(p&1) * size
	}
	return n
}

// TestEachWay cuts a call off, and has others answered at the page, whatever
// holds the worker's tree, and where both ends have one processor only.
func TestEachWay(t *testing.T) {
	for _, l := range proc.Levels() {
		if l.Err != nil {
			continue
		}
		for _, processors := range []int{1, runtime.GOMAXPROCS(0)} {
			t.Run(fmt.Sprintf("%s, %d", l.Level, processors), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
				c := config(fmt.Sprintf("GOMAXPROCS=%d", processors))
				c.Level = l.Level
				w, err := Start(c)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				for range 100 {
					if end := w.Do(Call{Func: "echo", In: []byte("x"), Timeout: bound}); string(end.Body) != "x" {
						t.Fatalf("%+v", end)
					}
				}
				awaitPage(t, w)
				if end := w.Do(Call{Func: "spin", Timeout: 50 * time.Millisecond}); end.Limit != TimeoutLimit || !end.Gone || end.Stack == "" {
					t.Errorf("%+v", end)
				}
			})
		}
	}
}

// TestLayout holds the table in the design document.
func TestLayout(t *testing.T) {
	var h header
	got := fmt.Sprint(unsafe.Offsetof(h.secret), unsafe.Offsetof(h.spin), unsafe.Offsetof(h.areas), unsafe.Offsetof(h.word), unsafe.Offsetof(h.row),
		unsafe.Offsetof(h.callerSleeps), unsafe.Offsetof(h.workerSleeps), unsafe.Offsetof(h.began), unsafe.Offsetof(h.before),
		unsafe.Offsetof(h.taken), headerSize, headerSize+slotSize, pageSize)
	if want := "0 8 16 64 68 128 192 256 264 312 4096 69632 135168"; got != want {
		t.Errorf("the fields are at %s, and not at %s", got, want)
	}
}
