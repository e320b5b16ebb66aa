//go:build unix

package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/leak"
	"github.com/cutoff-run/cutoff/internal/wire"
)

// bound ends a test that would hang.
const bound = time.Minute

var fingerprint = []byte("this build")

// The functions of the test's workers, and what else a worker may do.
var functions = map[string]Function{
	"echo": func(_ context.Context, in []byte) ([]byte, error) { return in, nil },
	"fail": func(context.Context, []byte) ([]byte, error) {
		return nil, fmt.Errorf("outer: %w", errors.Join(os.ErrNotExist, errors.New("other")))
	},
	"cycle": func(context.Context, []byte) ([]byte, error) { return nil, cycle{} },
	"convert": func(context.Context, []byte) ([]byte, error) {
		return nil, &ConvertError{"result", "chan", os.ErrInvalid}
	},
	"panic": func(context.Context, []byte) ([]byte, error) { panic("boom") },
	"spin": func(context.Context, []byte) ([]byte, error) {
		for {
		}
	},
	"nap":  func(context.Context, []byte) ([]byte, error) { time.Sleep(napTime); return nil, nil },
	"obey": func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() },
	"report": func(ctx context.Context, in []byte) ([]byte, error) {
		FromContext(ctx).Report(in)
		for {
		}
	},
	"late report": func(ctx context.Context, _ []byte) ([]byte, error) {
		go func() {
			for {
				FromContext(ctx).Report([]byte("late"))
			}
		}()
		return []byte("in time"), nil
	},
	"twice": func(ctx context.Context, _ []byte) ([]byte, error) {
		c := FromContext(ctx)
		c.server.send(wire.KindDone, c.id, wire.Meter{}.Append(nil), []byte("first"))
		return []byte("second"), nil
	},
	"out of turn": func(ctx context.Context, in []byte) ([]byte, error) {
		c := FromContext(ctx)
		c.server.send(wire.KindDone, c.id+1, wire.Meter{}.Append(nil), []byte("of another call"))
		return in, nil
	},
	"short reply": func(ctx context.Context, _ []byte) ([]byte, error) {
		c := FromContext(ctx)
		c.server.send(wire.KindDone, c.id, []byte("no meter"))
		select {}
	},
}

const napTime = 200 * time.Microsecond

// cycle wraps itself.
type cycle struct{}

func (cycle) Error() string { return "cycle" }
func (cycle) Unwrap() error { return cycle{} }

func TestMain(m *testing.M) {
	fp := fingerprint
	if other := os.Getenv("TEST_FINGERPRINT"); other != "" {
		fp = []byte(other)
	}
	switch os.Getenv("TEST_MUTE") { // a program that never comes to Serve
	case "exit":
		os.Exit(3)
	case "hang":
		time.Sleep(time.Hour)
	}
	Serve(Program{
		Fingerprint: fp,
		Lookup:      func(name string) (Function, bool) { f, ok := functions[name]; return f, ok },
		Sentinels:   func([]error) []string { return nil },
	})
	os.Exit(leak.Run(m))
}

func config(env ...string) Config {
	return Config{
		Path: "/proc/self/exe", Args: []string{"worker.test"}, Env: append(os.Environ(), env...),
		Stderr: os.Stderr, Fingerprint: fingerprint, Bound: bound,
	}
}

func start(t *testing.T) *Worker {
	t.Helper()
	w, err := Start(config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func TestReplies(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		name string
		kind wire.Kind
		body string
	}{
		{"echo", wire.KindDone, "input"},
		{"fail", wire.KindError, "outer: file does not exist"},
		{"cycle", wire.KindError, "cycle"},
		{"convert", wire.KindRefused, "invalid argument"},
		{"unknown", wire.KindRefused, "unknown"},
		{"out of turn", wire.KindDone, "input"},
		{"panic", wire.KindPanic, "boom"},
	} {
		end := w.Do(Call{Func: c.name, In: []byte("input"), Timeout: bound})
		if end.Reply != c.kind || !strings.Contains(string(end.Body), c.body) || end.Gone || end.Started.IsZero() || end.Ended.Before(end.Started) {
			t.Errorf("%s: %+v", c.name, end)
		}
	}
}

// TestWatchdog shows that the worker's own watchdog ends it when the parent is
// gone, whatever its function does: the end of the pipe alone is the message.
func TestWatchdog(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		w := start(t)
		started := make(chan struct{})
		done := make(chan Ending)
		go func() {
			done <- w.Do(Call{Func: "spin", Started: func(time.Time) { close(started) }})
		}()
		<-started
		if stopped {
			if err := syscall.Kill(w.PID(), syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		w.alive.Close()
		if end := <-done; end.Status.SignalName() != "SIGKILL" || end.Limit != NoLimit || end.Canceled {
			t.Errorf("stopped %v: %+v", stopped, end)
		}
	}
}

// TestReplyBeforeKill shows that a reply which was complete before the kill is
// a result: the worker has answered, nobody has read it, and the limit passes.
func TestReplyBeforeKill(t *testing.T) {
	w := start(t)
	w.noStack = true // or the reply would be seen before the kill
	a := &attempt{w: w, c: Call{Func: "echo", In: []byte("x"), Timeout: time.Nanosecond}, timer: time.NewTimer(bound)}
	w.calls++
	a.id = w.calls
	<-a.send()
	for len(w.frames) < 2 { // Started and Done are there, unread
		if !a.w.waitFrames() {
			t.Fatal("no reply")
		}
	}
	a.end.Started = time.Now()
	a.expired(time.Now().Add(time.Millisecond))
	if a.end.Reply != wire.KindDone || string(a.end.Body) != "x" || !a.end.Gone || a.end.Limit != TimeoutLimit || a.end.Overshoot <= 0 {
		t.Errorf("got %+v", a.end)
	}
}

// waitFrames yields until something changes; false if the worker has ended.
func (w *Worker) waitFrames() bool {
	select {
	case <-w.tree.Exited():
		return false
	case <-time.After(time.Millisecond):
		return true
	}
}

func TestMisbehaviour(t *testing.T) {
	t.Run("twice", func(t *testing.T) {
		w := start(t)
		if end := w.Do(Call{Func: "twice", Timeout: bound}); string(end.Body) != "first" {
			t.Errorf("got %+v", end)
		}
		if end := w.Do(Call{Func: "echo", In: []byte("next"), Timeout: bound}); string(end.Body) != "next" {
			t.Errorf("the second reply was taken for the next call's: %+v", end)
		}
	})
	t.Run("late report", func(t *testing.T) {
		w := start(t)
		end := w.Do(Call{Func: "late report", Timeout: bound})
		if string(end.Body) != "in time" || end.Meter.Goroutines != 1 {
			t.Errorf("got %+v", end)
		}
		if end := w.Do(Call{Func: "echo", In: []byte("next"), Timeout: bound}); string(end.Body) != "next" || end.HasBest {
			t.Errorf("got %+v", end)
		}
	})
	t.Run("short reply", func(t *testing.T) {
		w := start(t)
		end := w.Do(Call{Func: "short reply", Timeout: 100 * time.Millisecond})
		if end.Broken == nil || end.Reply != 0 || !end.Gone {
			t.Errorf("got %+v", end)
		}
	})
}

func TestStop(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	for _, c := range []struct {
		name  string
		call  Call
		asked bool
		gone  bool
	}{
		{"asked", Call{Func: "obey", Grace: bound, Stop: closed}, true, false},
		{"killed after the grace", Call{Func: "spin", Grace: time.Millisecond, Stop: closed}, true, true},
		{"killed at once", Call{Func: "obey", Grace: bound, Kill: closed}, false, true},
		{"no grace", Call{Func: "obey", Stop: closed}, false, true},
	} {
		w := start(t)
		stop, kill := c.call.Stop, c.call.Kill
		c.call.Stop, c.call.Kill = nil, nil
		now := make(chan struct{})
		c.call.Started = func(time.Time) { close(now) }
		if stop != nil {
			c.call.Stop = now
		}
		if kill != nil {
			c.call.Kill = now
		}
		end := w.Do(c.call)
		if !end.Canceled || end.Asked != c.asked || end.Gone != c.gone || end.Limit != NoLimit {
			t.Errorf("%s: %+v", c.name, end)
		}
	}
}

func TestReport(t *testing.T) {
	w := start(t)
	end := w.Do(Call{Func: "report", In: []byte("so far"), Timeout: time.Second})
	if !end.HasBest || string(end.Best) != "so far" || end.Limit != TimeoutLimit {
		t.Errorf("got %+v", end)
	}
}

// TestStuckInput gives a stopped worker more input than a pipe holds: the call
// is not taken up, and the caller's bound ends it.
func TestStuckInput(t *testing.T) {
	w := start(t)
	if err := syscall.Kill(w.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	kill := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() { close(kill) })
	end := w.Do(Call{Func: "echo", In: make([]byte, 8<<20), Kill: kill})
	if !end.Started.IsZero() || !end.Canceled || !end.Gone {
		t.Errorf("got %+v", end)
	}
}

func TestStartFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want error
	}{
		{"mute", config("TEST_MUTE=exit"), ErrSilent},
		{"other program", config("TEST_FINGERPRINT=another"), ErrOtherProgram},
		{"no such file", Config{Path: "/does/not/exist", Args: []string{"x"}, Bound: bound}, os.ErrNotExist},
	} {
		w, err := Start(c.cfg)
		if err == nil {
			w.Close()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	slow := config("TEST_MUTE=hang")
	slow.Bound = 10 * time.Millisecond
	if w, err := Start(slow); !errors.Is(err, ErrSilent) {
		if err == nil {
			w.Close()
		}
		t.Errorf("too slow: %v", err)
	}
	aborted := config()
	abort := make(chan struct{})
	close(abort)
	aborted.Abort = abort
	if w, err := Start(aborted); err == nil {
		w.Close() // it was quicker than the abort
	}
}

// TestExternalKill kills workers at random instants of short calls: each call
// has a whole answer or none.
func TestExternalKill(t *testing.T) {
	in := []byte(strings.Repeat("x", 5000))
	for i := range 50 {
		w := start(t)
		time.AfterFunc(time.Duration(i*40)*time.Microsecond, w.Kill)
		for calls := 0; ; calls++ {
			end := w.Do(Call{Func: "echo", In: in, Timeout: bound})
			if end.Gone && end.Reply == 0 {
				break
			}
			if string(end.Body) != string(in) {
				t.Fatalf("call %d: torn answer: %+v", calls, end)
			}
			if end.Gone {
				break
			}
		}
	}
}

// A call that is over before the pool sees its start took as long as it took.
func TestShortCall(t *testing.T) {
	t.Run("account", func(t *testing.T) {
		now := time.Now()
		a := &attempt{end: Ending{Started: now}, c: Call{Timeout: bound}}
		a.reply(wire.Frame{Kind: wire.KindDone, Payload: wire.Meter{Wall: time.Second}.Append(nil)}, now)
		if took := a.end.Ended.Sub(a.end.Started); took != time.Second || a.end.Overshoot != 0 {
			t.Errorf("it took %v, %v too long; want 1s, and no overshoot", took, a.end.Overshoot)
		}
	})
	t.Run("call", func(t *testing.T) {
		w := start(t)
		for range 20 {
			end := w.Do(Call{Func: "nap", Timeout: bound})
			if took := end.Ended.Sub(end.Started); took < napTime {
				t.Errorf("a call that naps for %v took %v", napTime, took)
			}
		}
	})
}

// TestReplyBeforeStop shows that a stop comes too late for a reply that is
// there: the function's error is its own.
func TestReplyBeforeStop(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	for range 50 { // without it the choice between the two is a coin's
		w := &Worker{frames: make(chan wire.Frame, 1), conn: wire.NewConn(nil, io.Discard, 0)}
		w.frames <- wire.Frame{Kind: wire.KindError, Call: 1, Payload: wire.Meter{}.Append(nil)}
		a := &attempt{w: w, id: 1, c: Call{Grace: bound, Stop: stop}, timer: time.NewTimer(bound)}
		a.end.Started = time.Now()
		for !a.over {
			a.step()
		}
		a.timer.Stop()
		if a.end.Asked || a.end.Canceled || a.end.Reply != wire.KindError {
			t.Fatalf("got %+v", a.end)
		}
	}
}

// TestWarmAside: a worker that has its first call already reads on.
func TestWarmAside(t *testing.T) {
	s := &server{}
	s.turn.Lock() // the call
	s.warm()      // returns
}
