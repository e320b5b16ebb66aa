package cutoff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// short is a limit that hanging functions reach.
const short = 30 * time.Millisecond

// ample is a limit that hanging functions reach and that leaves others time for
// what they do, also on a busy machine.
const ample = time.Second

type shape struct {
	Name  string
	Edges []float64
	Next  *shape
	When  time.Time
}

var errRegistered = RegisterError("test.registered", errors.New("registered"))

type typedError struct{ Code int }

func (e *typedError) Error() string { return fmt.Sprintf("typed %d", e.Code) }

var errTyped = RegisterError("test.typed", &typedError{7})

var (
	double       = Register("double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	echo         = Register("echo", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	reshape      = Register("reshape", func(_ context.Context, s shape) (*shape, error) { return &shape{Next: &s}, nil })
	spin         = Register("spin", func(context.Context, int) (int, error) { return 0, spinForever() })
	polite       = Register("polite", politely)
	fail         = Register("fail", failing)
	idle         = Register("idle", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil })
	improve      = Register("improve", improving)
	beating      = Register("beating", beatThenHang)
	deadlineSeen = Register("deadline", func(ctx context.Context, _ struct{}) (time.Duration, error) {
		d, ok := ctx.Deadline()
		if !ok {
			return 0, nil
		}
		return time.Until(d), nil
	})
)

// servedBy makes a call and returns the pid of its worker, as this program sees
// it: the worker may know another, of a PID namespace.
func servedBy(t *testing.T, p *Pool) (int, error) {
	t.Helper()
	call, err := idle.Start(ctx(t), p, struct{}{})
	if err != nil {
		return 0, err
	}
	_, err = call.Wait()
	return call.Result().PID, err
}

func spinForever() error {
	for {
	}
}

// politely returns when its context is canceled, as its input says.
func politely(ctx context.Context, how string) (string, error) {
	<-ctx.Done()
	if how == "value" {
		return "finished after all", nil
	}
	return "", ctx.Err()
}

func failing(_ context.Context, kind string) (int, error) {
	switch kind {
	case "plain":
		return 1, errors.New("plain text")
	case "registered":
		return 1, fmt.Errorf("wrapped: %w", errRegistered)
	case "typed":
		return 1, errors.Join(io.ErrUnexpectedEOF, fmt.Errorf("b: %w", errTyped))
	case "path":
		_, err := os.Open("/does/not/exist")
		return 1, err
	}
	return 0, nil
}

func improving(ctx context.Context, n int) ([]string, error) {
	var best []string
	for i := range n {
		best = append(best, fmt.Sprint(i))
		if err := Report(ctx, best); err != nil {
			return nil, err
		}
	}
	return nil, spinForever()
}

// beatThenHang beats n times and then hangs.
func beatThenHang(ctx context.Context, n int) (int, error) {
	for i := range n {
		Beat(ctx, float64(i))
	}
	return 0, spinForever()
}

func newPool(t testing.TB, o PoolOptions) *Pool {
	t.Helper()
	p, err := NewPool(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return p
}

func ctx(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	return ctx
}

// errorAs returns the E in err's chain, or fails.
func errorAs[E error](t testing.TB, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("got error %v (%T), want a %T", err, err, e)
	}
	return e
}

func TestCall(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	if n, err := double.Call(ctx(t), p, 21); n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	in := shape{"s", []float64{1, 5.01}, &shape{Name: "inner"}, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	out, err := reshape.Call(ctx(t), p, in)
	if err != nil || !reflect.DeepEqual(*out.Next, in) {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestLargePayload(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	for _, n := range []int{0, 1, 32 << 10, 64 << 10, 1 << 20, 64 << 20} {
		in := bytes.Repeat([]byte{byte(n >> 10), 1, 2, 3, 5, 7, 11}, n/7+1)[:n]
		out, err := echo.Call(ctx(t), p, in)
		if err != nil || !bytes.Equal(in, out) {
			t.Errorf("%d bytes: got %d back, %v", n, len(out), err)
		}
	}
}

func TestResultOfOK(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Timeout: bound}})
	before := time.Now()
	c, err := double.Start(ctx(t), p, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Wait(); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	r := c.Result()
	if r.Outcome != OK || r.PID == 0 || r.PID != c.PID() || r.Attempt != 1 || r.ExitCode != -1 || r.Signal != "" ||
		r.Overshoot != 0 || r.Leaked != 0 || r.Containment == "" || r.MaxRSS == 0 {
		t.Errorf("got %+v", r)
	}
	if r.Started.Before(before) || r.Wall <= 0 || r.Wall > time.Since(before) {
		t.Errorf("started %v, took %v", r.Started, r.Wall)
	}
}

func TestTimeout(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Timeout: short}})
	_, err := spin.Call(ctx(t), p, 0)
	e := errorAs[*CutoffError](t, err)
	if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrIdle) {
		t.Errorf("%v matches the wrong errors", err)
	}
	r := e.Result
	if e.Limit != short || r.Outcome != Timeout || r.Signal != "SIGKILL" || r.ExitCode != -1 ||
		r.Overshoot <= 0 || r.Wall < short || r.User+r.System <= 0 || r.MaxRSS == 0 {
		t.Errorf("got %+v", e)
	}
	if n, err := double.Call(ctx(t), p.With(Limits{}), 4); n != 8 || err != nil {
		t.Errorf("the next call: %d, %v", n, err)
	}
}

// TestRunClock shows that waiting for a worker does not count: both calls need
// longer than half of their limit, one after the other on one worker.
func TestRunClock(t *testing.T) {
	const limit = 400 * time.Millisecond
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Timeout: limit}})
	var calls []*Call[int]
	for range 3 { // each takes its whole limit; the last starts 2 limits later
		c, err := spin.Start(ctx(t), p, 0)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	for i, c := range calls {
		_, err := c.Wait()
		if r := errorAs[*CutoffError](t, err).Result; r.Wall < limit {
			t.Errorf("call %d was cut off after %v of its %v", i, r.Wall, limit)
		}
	}
}

func TestFractionalTimeout(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Timeout: 50100 * time.Microsecond}})
	_, err := spin.Call(ctx(t), p, 0)
	if e := errorAs[*CutoffError](t, err); e.Limit != 50100*time.Microsecond || e.Result.Wall < e.Limit {
		t.Errorf("limit %v, wall %v", e.Limit, e.Result.Wall)
	}
}

func TestDeadlineInContext(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	if d, err := deadlineSeen.Call(ctx(t), p, struct{}{}); d != 0 || err != nil {
		t.Errorf("without a limit: %v, %v", d, err)
	}
	if d, err := deadlineSeen.Call(ctx(t), p.With(Limits{Timeout: bound}), struct{}{}); d <= 0 || d > bound || err != nil {
		t.Errorf("with a limit: %v, %v", d, err)
	}
}

func TestGrace(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Timeout: short, Grace: bound}})
	pid, err := servedBy(t, p)
	if err != nil {
		t.Fatal(err)
	}
	_, err = polite.Call(ctx(t), p, "error")
	if r := errorAs[*CutoffError](t, err).Result; r.Outcome != Timeout || r.Signal != "" {
		t.Errorf("a function that obeys: %+v", r)
	}
	c, err := polite.Start(ctx(t), p, "value")
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Wait()
	if out != "finished after all" || err != nil || c.Result().Overshoot <= 0 {
		t.Errorf("a result within the grace: %q, %v, %+v", out, err, c.Result())
	}
	if again, err := servedBy(t, p); again != pid || err != nil {
		t.Errorf("the worker was %d, is %d: a polite end costs no worker (%v)", pid, again, err)
	}
	_, err = spin.Call(ctx(t), p.With(Limits{Timeout: short, Grace: short}), 0)
	if r := errorAs[*CutoffError](t, err).Result; r.Signal != "SIGKILL" || r.Wall < 2*short {
		t.Errorf("a function that does not listen: %+v", r)
	}
}

func TestIdle(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Idle: short, Timeout: bound}})
	_, err := beating.Call(ctx(t), p, 5)
	e := errorAs[*CutoffError](t, err)
	if !errors.Is(err, ErrIdle) || errors.Is(err, context.DeadlineExceeded) || e.Limit != short || e.Result.Outcome != Idle {
		t.Errorf("got %+v", e)
	}
}

// TestBeat shows that signs of life keep a call going: it beats for longer
// than its idle limit and then returns.
func TestBeat(t *testing.T) {
	events := make(chan Event, 1000)
	p := newPool(t, PoolOptions{Workers: 1, OnEvent: func(e Event) {
		if e.Kind == CallBeat {
			events <- e
		}
	}})
	const idle = 2 * time.Second
	c, err := beats.Start(ctx(t), p.With(Limits{Idle: idle}), idle+idle/4)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(); err != nil || c.Result().Wall < idle {
		t.Fatalf("got %v after %v", err, c.Result().Wall)
	}
	if e := <-events; e.Func != "beats" || e.PID != c.PID() || e.Call == 0 || e.Progress != 0 {
		t.Errorf("first beat: %+v", e)
	}
	if e := <-events; e.Progress != 1 {
		t.Errorf("second beat: %+v", e)
	}
}

var beats = Register("beats", func(ctx context.Context, d time.Duration) (int, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		Beat(ctx, float64(n))
		<-tick.C
	}
	return n, nil
})

func TestReport(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Timeout: ample}})
	out, err := improve.Call(ctx(t), p, 3)
	if !errors.Is(err, ErrTimeout) || strings.Join(out, "") != "012" {
		t.Errorf("got %q, %v; want the last report with the error", out, err)
	}
	if out, err := improve.Call(ctx(t), p, 0); !errors.Is(err, ErrTimeout) || out != nil {
		t.Errorf("nothing reported: %q, %v", out, err)
	}
	if err := Report(context.Background(), 1); err != nil {
		t.Errorf("outside of a call: %v", err)
	}
	Beat(context.Background(), 1)
}

var misreport = Register("misreport", func(ctx context.Context, how string) (any, error) {
	if how == "type" {
		return nil, Report(ctx, "a string")
	}
	return nil, Report(ctx, any(make(chan int)))
})

func TestReportMistakes(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	_, err := misreport.Call(ctx(t), p, "type")
	if err == nil || !strings.Contains(err.Error(), "of type string") {
		t.Errorf("wrong type: %v", err)
	}
	_, err = misreport.Call(ctx(t), p, "chan")
	if err == nil || !strings.Contains(err.Error(), "chan int") {
		t.Errorf("not encodable: %v", err)
	}
}

func TestFuncError(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	call := func(kind string) *FuncError {
		out, err := fail.Call(ctx(t), p, kind)
		if out != 0 {
			t.Errorf("%s: got a value with the error: %d", kind, out)
		}
		e := errorAs[*FuncError](t, err)
		if e.Result.Outcome != Failed {
			t.Errorf("%s: outcome %q", kind, e.Result.Outcome)
		}
		return e
	}
	if e := call("plain"); e.Error() != "plain text" || e.Type != "*errors.errorString" || len(e.Chain) != 1 || errors.Is(e, errRegistered) {
		t.Errorf("plain: %+v", e)
	}
	if e := call("registered"); e.Error() != "wrapped: registered" || !errors.Is(e, errRegistered) || len(e.Chain) != 2 || e.Chain[1].Message != "registered" {
		t.Errorf("registered: %+v", e)
	}
	e := call("typed")
	if typed := errorAs[*typedError](t, e); typed.Code != 7 || !errors.Is(e, io.ErrUnexpectedEOF) || errors.Is(e, io.EOF) {
		t.Errorf("typed: %+v", e)
	}
	if e := call("path"); !errors.Is(e, fs.ErrNotExist) || e.Type != "*fs.PathError" {
		t.Errorf("path: %+v", e)
	}
}

func TestCancel(t *testing.T) {
	started := make(chan struct{}, 1)
	p := newPool(t, PoolOptions{Workers: 1, OnEvent: func(e Event) {
		if e.Kind == CallStarted {
			started <- struct{}{}
		}
	}})
	cause := errors.New("changed my mind")
	cctx, cancel := context.WithCancelCause(ctx(t))
	c, err := spin.Start(cctx, p, 0)
	if err != nil {
		t.Fatal(err)
	}
	<-started
	cancel(cause)
	_, err = c.Wait()
	e := errorAs[*CanceledError](t, err)
	if !errors.Is(err, cause) || e.Result.Outcome != Canceled || e.Result.Signal != "SIGKILL" || errors.Is(err, ErrTimeout) {
		t.Errorf("got %+v", e)
	}
}

// TestNotStarted shows that the caller's bound covers the wait for a worker,
// and that a call which never ran says so.
func TestNotStarted(t *testing.T) {
	started := make(chan struct{}, 10)
	p := newPool(t, PoolOptions{Workers: 1, OnEvent: func(e Event) {
		if e.Kind == CallStarted {
			started <- struct{}{}
		}
	}})
	hold, err := spin.Start(ctx(t), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	<-started
	late, cancel := context.WithTimeout(ctx(t), short)
	defer cancel()
	_, err = double.Call(late, p, 1)
	e := errorAs[*CanceledError](t, err)
	if e.Result.Outcome != NotStarted || !e.Result.Started.IsZero() || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
		t.Errorf("got %+v", e)
	}
	if _, err := double.Call(late, p, 1); errorAs[*CanceledError](t, err).Result.Outcome != NotStarted {
		t.Errorf("a context that is over: %v", err)
	}
	hold.Kill()
	if _, err := hold.Wait(); errorAs[*CanceledError](t, err).Result.Outcome != Canceled {
		t.Errorf("killed by hand: %v", err)
	}
	if n, err := double.Call(ctx(t), p, 3); n != 6 || err != nil {
		t.Errorf("the pool afterwards: %d, %v", n, err)
	}
}

func TestCallHandle(t *testing.T) {
	started := make(chan struct{}, 10)
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Grace: bound}, OnEvent: func(e Event) {
		if e.Kind == CallStarted {
			started <- struct{}{}
		}
	}})
	c, err := polite.Start(ctx(t), p, "error")
	if err != nil {
		t.Fatal(err)
	}
	<-started
	if c.Join(time.Millisecond) || !c.Alive() || c.Result().Outcome != "" {
		t.Errorf("a running call: alive %v, result %+v", c.Alive(), c.Result())
	}
	c.Terminate()
	if !c.Join(bound) || c.Alive() {
		t.Fatal("the call did not obey")
	}
	<-c.Done()
	if _, err := c.Wait(); !errors.Is(err, errTerminated) || c.Result().Outcome != Canceled || c.Result().Signal != "" {
		t.Errorf("got %v, %+v", err, c.Result())
	}
	hung, err := spin.Start(ctx(t), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	hung.Kill() // at once, in spite of the grace, and also if it is not running yet
	if _, err := hung.Wait(); !errors.Is(err, errKilled) {
		t.Errorf("got %v", err)
	}
}
