package cutoff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	setupRan bool
	setUp    = Register("setup", func(context.Context, struct{}) (struct{}, error) {
		setupRan = true
		return struct{}{}, nil
	})
	badSetUp = Register("bad setup", func(context.Context, struct{}) (struct{}, error) {
		return struct{}{}, errors.New("no model here")
	})
	hangSetUp = Register("hanging setup", func(context.Context, struct{}) (struct{}, error) {
		return struct{}{}, spinForever()
	})
	wasSetUp = Register("was set up", func(context.Context, struct{}) (bool, error) { return setupRan, nil })
	printing = Register("printing", func(_ context.Context, s string) (int, error) {
		fmt.Fprint(os.Stderr, "err:"+s)
		return fmt.Print("out:" + s)
	})
	environ = Register("environ", func(_ context.Context, name string) (string, error) {
		dir, err := os.Getwd()
		return os.Getenv(name) + " " + dir, err
	})
	allot = Register("allot", func(_ context.Context, n int) (int, error) {
		b := bytes.Repeat([]byte{1}, n)
		return len(b), nil
	})
)

// TestHopeless is the promise of a pool: calls that hang for ever on every
// worker cost that many cutoffs, and all others go on.
func TestHopeless(t *testing.T) {
	const workers = 3
	p := newPool(t, PoolOptions{Workers: workers, Spares: 1})
	hang := p.With(Limits{Timeout: 50 * time.Millisecond})
	var calls sync.WaitGroup
	for range 2 * workers {
		calls.Go(func() {
			if _, err := spin.Call(ctx(t), hang, 0); !errors.Is(err, ErrTimeout) {
				t.Errorf("hopeless call: %v", err)
			}
		})
	}
	for i := range 200 {
		calls.Go(func() {
			if n, err := double.Call(ctx(t), p, i); n != 2*i || err != nil {
				t.Errorf("call %d: %d, %v", i, n, err)
			}
		})
	}
	calls.Wait()
	if s := p.Stats(); s.CutOff != 2*workers || s.Calls != 200+2*workers || s.Crashed != 0 || s.Busy != 0 || s.Waiting != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// TestSpare shows that a spare is there when a worker is killed: the next call
// runs in a process that started before the kill.
func TestSpare(t *testing.T) {
	var mu sync.Mutex
	var started []int
	two := make(chan struct{}, 10)
	p := newPool(t, PoolOptions{Workers: 1, Spares: 1, OnEvent: func(e Event) {
		if e.Kind == WorkerStarted {
			mu.Lock()
			started = append(started, e.PID)
			mu.Unlock()
			two <- struct{}{}
		}
	}})
	<-two
	<-two
	mu.Lock()
	before := append([]int(nil), started...)
	mu.Unlock()
	if _, err := spin.Call(ctx(t), p.With(Limits{Timeout: short}), 0); !errors.Is(err, ErrTimeout) {
		t.Fatal(err)
	}
	pid, err := servedBy(t, p)
	if err != nil || (pid != before[0] && pid != before[1]) {
		t.Errorf("the call ran in %d, started before the kill: %v (%v)", pid, before, err)
	}
}

// TestStartPutOff shows when a worker is replaced: not while another stands by,
// and at once when a call has to wait.
func TestStartPutOff(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2})
	until := func(reached func(Stats) bool) {
		for !reached(p.Stats()) {
			time.Sleep(time.Millisecond)
		}
	}
	until(func(s Stats) bool { return s.Idle == 2 })
	p.e.mu.Lock()
	p.e.delay = time.Hour
	p.e.mu.Unlock()
	if _, err := spin.Call(ctx(t), p.With(Limits{Timeout: short}), 0); !errors.Is(err, ErrTimeout) {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Idle != 1 || s.Starting != 0 || s.Started != 2 {
		t.Errorf("a worker stands by: %+v", s)
	}
	hang, err := spin.Start(ctx(t), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	until(func(s Stats) bool { return s.Busy == 1 })
	if n, err := double.Call(ctx(t), p, 2); n != 4 || err != nil {
		t.Errorf("the call that has to wait: %d, %v", n, err)
	}
	if s := p.Stats(); s.Started != 3 {
		t.Errorf("afterwards: %+v", s)
	}
	hang.Kill()
}

func TestMaxCalls(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Spares: 1, MaxCalls: 2})
	seen := map[int]int{}
	for range 10 {
		pid, err := servedBy(t, p)
		if err != nil {
			t.Fatal(err)
		}
		seen[pid]++
	}
	if len(seen) != 5 {
		t.Errorf("10 calls at 2 a worker used %d workers: %v", len(seen), seen)
	}
	if s := p.Stats(); s.Recycled != 5 {
		t.Errorf("stats: %+v", s)
	}
}

// TestMaxMemory runs in a program whose own peak is beyond the bound: the
// kernel's ru_maxrss would take that for the workers'.
func TestMaxMemory(t *testing.T) {
	ballast := bytes.Repeat([]byte{1}, 300<<20)
	defer runtime.KeepAlive(ballast)
	p := newPool(t, PoolOptions{Workers: 1, MaxMemory: 256 << 20})
	first, err := servedBy(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := servedBy(t, p); same != first || err != nil {
		t.Errorf("a small call was recycled: %d, %d, %v", first, same, err)
	}
	if _, err := allot.Call(ctx(t), p, 300<<20); err != nil {
		t.Fatal(err)
	}
	if other, err := servedBy(t, p); other == first || err != nil {
		t.Errorf("the worker goes on beyond MaxMemory: %v", err)
	}
}

func TestSetup(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, MaxCalls: 1, Setup: setUp})
	for range 3 {
		if ok, err := wasSetUp.Call(ctx(t), p, struct{}{}); !ok || err != nil {
			t.Errorf("got %v, %v", ok, err)
		}
	}
	if _, err := NewPool(PoolOptions{Workers: 1, Setup: badSetUp}); err == nil || !strings.Contains(err.Error(), "no model here") {
		t.Errorf("failing setup: %v", err)
	}
	if _, err := NewPool(PoolOptions{Workers: 1, Setup: hangSetUp, StartTimeout: 300 * time.Millisecond}); !errors.Is(err, ErrTimeout) {
		t.Errorf("hanging setup: %v", err)
	}
}

func TestOutput(t *testing.T) {
	var out, errs bytes.Buffer
	p := newPool(t, PoolOptions{Workers: 2, Stdout: &out, Stderr: &errs})
	for i := range 3 {
		if _, err := printing.Call(ctx(t), p, fmt.Sprintf("%d\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	p.Close() // all that was printed is there now
	for _, s := range []struct {
		got, prefix string
	}{{out.String(), "out:"}, {errs.String(), "err:"}} {
		for i := range 3 {
			if !strings.Contains(s.got, fmt.Sprintf("%s%d\n", s.prefix, i)) {
				t.Errorf("%q lacks %s%d", s.got, s.prefix, i)
			}
		}
	}
}

func TestEnvAndDir(t *testing.T) {
	dir := t.TempDir()
	p := newPool(t, PoolOptions{Workers: 1, Env: []string{"MARK=here"}, Dir: dir})
	if got, err := environ.Call(ctx(t), p, "MARK"); got != "here "+dir || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := environ.Call(ctx(t), p, "CUTOFF_WORKER"); strings.TrimSpace(got) != dir || err != nil {
		t.Errorf("what a function starts would take itself for a worker: %q, %v", got, err)
	}
}

func TestEventsAndLog(t *testing.T) {
	var mu sync.Mutex
	var kinds []string
	var log bytes.Buffer
	p := newPool(t, PoolOptions{
		Workers: 1,
		Logger:  slog.New(slog.NewTextHandler(&lockedWriter{mu: &mu, w: &log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnEvent: func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Time.IsZero() {
				t.Errorf("%s without a time", e.Kind)
			}
			kinds = append(kinds, string(e.Kind))
		},
	})
	if _, err := spin.Call(ctx(t), p.With(Limits{Timeout: short}), 0); !errors.Is(err, ErrTimeout) {
		t.Fatal(err)
	}
	p.Close()
	mu.Lock()
	defer mu.Unlock()
	// A worker's end is told when it comes: it may precede that of its call.
	at := func(k EventKind) int { return slices.Index(kinds, string(k)) }
	if at(WorkerStarted) < 0 || at(CallStarted) < at(WorkerStarted) || at(CallEnded) < at(CallStarted) || at(WorkerEnded) < at(CallStarted) {
		t.Errorf("events: %v", kinds)
	}
	if !strings.Contains(log.String(), "call timeout") || !strings.Contains(log.String(), "func=spin") {
		t.Errorf("log:\n%s", log.String())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// TestClose shows that Close lets what was submitted finish, also what waits.
func TestClose(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	var calls []*Call[int]
	for i := range 20 {
		c, err := double.Start(ctx(t), p, i)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	p.Close()
	for i, c := range calls {
		if n, err := c.Wait(); n != 2*i || err != nil {
			t.Errorf("call %d: %d, %v", i, n, err)
		}
	}
	if _, err := double.Call(ctx(t), p, 1); !errors.Is(err, ErrPoolClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	if _, err := double.Start(ctx(t), p, 1); !errors.Is(err, ErrPoolClosed) {
		t.Errorf("a start after Close: %v", err)
	}
	p.Close() // again: nothing happens
	p.Kill()
}

func TestPoolKill(t *testing.T) {
	started := make(chan struct{}, 1)
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Grace: bound}, OnEvent: func(e Event) {
		if e.Kind == CallStarted {
			started <- struct{}{}
		}
	}})
	running, err := spin.Start(ctx(t), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	<-started
	waiting, err := spin.Start(ctx(t), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() { p.Close(); close(closed) }() // waits for ever, but for the Kill
	p.Kill()
	<-closed
	_, err = running.Wait()
	if e := errorAs[*CanceledError](t, err); !errors.Is(err, ErrPoolClosed) || e.Result.Outcome != Canceled {
		t.Errorf("the running call: %+v", e)
	}
	_, err = waiting.Wait()
	if e := errorAs[*CanceledError](t, err); !errors.Is(err, ErrPoolClosed) || e.Result.Outcome != NotStarted {
		t.Errorf("the waiting call: %+v", e)
	}
}

func TestMistakes(t *testing.T) {
	for _, o := range []PoolOptions{
		{Workers: -1}, {Spares: -1}, {MaxCalls: -1}, {MaxMemory: -1}, {StartTimeout: -1},
		{Limits: Limits{Timeout: -1}}, {Limits: Limits{Grace: -1}}, {Limits: Limits{Idle: -1}},
	} {
		if p, err := NewPool(o); err == nil || !strings.Contains(err.Error(), "negative") {
			p.Kill()
			t.Errorf("NewPool(%+v): %v, want an error about the negative value", o, err)
		}
	}
	if _, err := double.Call(ctx(t), nil, 1); err == nil || !strings.Contains(err.Error(), "NewPool") {
		t.Errorf("nil pool: %v", err)
	}
	if _, err := double.Call(ctx(t), (*Pool)(nil).With(Limits{}), 1); err == nil || !strings.Contains(err.Error(), "NewPool") {
		t.Errorf("nil pool with limits: %v", err)
	}
	p := newPool(t, PoolOptions{Workers: 1})
	if _, err := double.Call(ctx(t), p.With(Limits{Timeout: -time.Second}), 1); err == nil || !strings.Contains(err.Error(), "negative") {
		t.Errorf("negative limit of a call: %v", err)
	}
}

var nested = Register("nested", func(context.Context, struct{}) (int, error) {
	p, err := NewPool(PoolOptions{Workers: 1})
	if err != nil {
		return 0, err
	}
	return 1, p.Close()
})

func TestPoolInWorker(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	_, err := nested.Call(ctx(t), p, struct{}{})
	if err == nil || !strings.Contains(err.Error(), "build the pool in main") {
		t.Errorf("got %v", err)
	}
}

func TestRegisterMistakes(t *testing.T) {
	f := func(context.Context, int) (int, error) { return 0, nil }
	panics := func(what, want string, register func()) {
		t.Helper()
		defer func() {
			if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
				t.Errorf("%s: panic %q, want one about %q", what, got, want)
			}
		}()
		register()
	}
	panics("after Init", "package-level variable", func() { Register("late", f) })
	panics("error after Init", "package-level variable", func() { _ = RegisterError("late", io.EOF) })
	panics("nil function", "nil", func() { Register[int, int]("nil", nil) })

	registry.closed = false
	defer func() { registry.closed = true }()
	panics("twice", "taken", func() { Register("double", f) })
	panics("error twice", "taken", func() { _ = RegisterError("io.EOF", io.EOF) })
	panics("error without a name", "a name and an error", func() { _ = RegisterError("", io.EOF) })
	panics("nil error", "a name and an error", func() { _ = RegisterError[error]("nil", nil) })
	panics("no name", "1 to 255", func() { Register("", f) })
	panics("long name", "1 to 255", func() { Register(strings.Repeat("x", 256), f) })
}

var unsendable = Register("unsendable", func(context.Context, chan int) (func(), error) { return func() {}, nil })
var unreturnable = Register("unreturnable", func(context.Context, int) (any, error) { return make(chan int), nil })

func TestEncodeError(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	_, err := unsendable.Call(ctx(t), p, make(chan int))
	if e := errorAs[*EncodeError](t, err); e.Direction != "input" || e.Func != "unsendable" || !strings.Contains(e.Type, "chan int") {
		t.Errorf("input: %+v", e)
	}
	_, err = unreturnable.Call(ctx(t), p, 0)
	if e := errorAs[*EncodeError](t, err); e.Direction != "result" || e.Err == nil {
		t.Errorf("result: %+v", e)
	}
	if n, err := double.Call(ctx(t), p, 2); n != 4 || err != nil {
		t.Errorf("the pool afterwards: %d, %v", n, err)
	}
}
