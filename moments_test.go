//go:build unix

package cutoff

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests of this file hold what happens at moments that are easily missed.

var (
	anything = Register("anything", func(_ context.Context, v any) (any, error) { return v, nil })
	zeros    = Register("zeros", func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil })
	length   = Register("length", func(_ context.Context, b []byte) (int, error) { return len(b), nil })
	// onceSetUp works in the first worker alone.
	onceSetUp = Register("once setup", func(context.Context, struct{}) (struct{}, error) {
		f, err := os.OpenFile(os.Getenv("ONCE"), os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return struct{}{}, f.Close()
		}
		if os.Getenv("THEN") == "hang" {
			_ = os.WriteFile(os.Getenv("ONCE")+".again", nil, 0o600)
			return struct{}{}, spinForever()
		}
		return struct{}{}, err
	})
)

func onceEnv(t *testing.T, then string) []string {
	t.Helper()
	return append(os.Environ(), "ONCE="+t.TempDir()+"/once", "THEN="+then)
}

// TestSetupFailsLater shows that workers which cannot be set up fail no call
// while another worker lives.
func TestSetupFailsLater(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2, Setup: onceSetUp, Env: onceEnv(t, "fail")})
	var calls sync.WaitGroup
	for i := range 100 {
		calls.Go(func() {
			if n, err := double.Call(ctx(t), p, i); n != 2*i || err != nil {
				t.Errorf("call %d: %d, %v", i, n, err)
			}
		})
	}
	calls.Wait()
}

func TestKillDuringSetup(t *testing.T) {
	failed := make(chan error, 10)
	env := onceEnv(t, "hang")
	p := newPool(t, PoolOptions{Workers: 2, Setup: onceSetUp, Env: env, OnEvent: func(e Event) {
		if e.Kind == WorkerFailed {
			failed <- e.Err
		}
	}})
	again := strings.TrimPrefix(env[len(env)-2], "ONCE=") + ".again"
	for end := time.Now().Add(bound); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(again); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal("the second worker was never set up")
		}
	}
	p.Kill()
	if err := <-failed; !errors.Is(err, ErrPoolClosed) {
		t.Errorf("the setup ended with %v", err)
	}
}

// TestKillAtStart kills calls at the moment when they start: the record of
// each is that of a call which ran, or of one which did not.
func TestKillAtStart(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Spares: 1})
	for range 50 {
		c, err := spin.Start(ctx(t), p, 0)
		if err != nil {
			t.Fatal(err)
		}
		for c.PID() == 0 && c.Alive() { // short: a worker is there
			time.Sleep(0)
		}
		c.Kill()
		_, err = c.Wait()
		r := c.Result()
		if !errors.Is(err, errKilled) || r.Wall < 0 || r.Outcome == NotStarted && r != notStarted {
			t.Fatalf("got %v, %+v", err, r)
		}
	}
}

// TestDeadWhenReleased holds the gap between the end of a call and the
// worker's return to the pool.
func TestDeadWhenReleased(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	m, err := p.e.acquire(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	m.Kill()
	<-m.Exited()
	p.e.release(m, 1, keep)
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	if m.isIdle {
		t.Error("a dead worker waits for calls")
	}
}

// TestAny shows that the static type rules how a value travels, at both ends.
func TestAny(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	if out, err := anything.Call(ctx(t), p, "text"); out != "text" || err != nil {
		t.Errorf("a string: %#v, %v", out, err)
	}
	out, err := anything.Call(ctx(t), p, []byte("bytes"))
	if b, ok := out.([]byte); !ok || string(b) != "bytes" || err != nil {
		t.Errorf("bytes: %#v, %v", out, err)
	}
}

func TestTooLarge(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	_, err := length.Call(ctx(t), p, make([]byte, 1<<30))
	if e := errorAs[*EncodeError](t, err); e.Direction != "input" || !strings.Contains(e.Error(), "larger") {
		t.Errorf("input: %v", err)
	}
	_, err = zeros.Call(ctx(t), p, 1<<30)
	if e := errorAs[*EncodeError](t, err); e.Direction != "result" || !strings.Contains(e.Error(), "larger") {
		t.Errorf("result: %v", err)
	}
}

// TestMapLosesNothing shows that each input that was pulled has its item, also
// when the context ends.
func TestMapLosesNothing(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2})
	for _, f := range []func(context.Context, *Pool, func(func(int) bool)) func(func(Item[int, int]) bool){
		func(ctx context.Context, p *Pool, in func(func(int) bool)) func(func(Item[int, int]) bool) {
			return double.Map(ctx, p, in)
		},
		func(ctx context.Context, p *Pool, in func(func(int) bool)) func(func(Item[int, int]) bool) {
			return double.MapOrdered(ctx, p, in)
		},
	} {
		for range 10 {
			cctx, cancel := context.WithCancel(ctx(t))
			pulled, items := 0, 0
			for it := range f(cctx, p, func(yield func(int) bool) {
				for pulled++; yield(pulled); pulled++ {
				}
			}) {
				items++
				if it.Index == 20 {
					cancel()
				}
			}
			cancel()
			if items != pulled {
				t.Fatalf("%d inputs were pulled, %d items came", pulled, items)
			}
		}
	}
}

// TestGoexitGrace shows under the race detector that a worker has one reader.
func TestGoexitGrace(t *testing.T) {
	var mu sync.Mutex
	var errs bytes.Buffer
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Grace: bound}, Stderr: &lockedWriter{mu: &mu, w: &errs}})
	if _, err := hostile.Call(ctx(t), p, "goexit"); errorAs[*CrashError](t, err).Result.Outcome != Crashed {
		t.Errorf("got %v", err)
	}
	p.Close()
	mu.Lock()
	defer mu.Unlock()
	if errs.Len() > 0 {
		t.Errorf("the worker said:\n%s", errs.String())
	}
}

// noise is more than a pipe holds.
const noise = 128 << 10

var _ = func() (none struct{}) {
	if os.Getenv("NOISY") != "" { // in a worker, before its main
		_, _ = os.Stdout.Write(bytes.Repeat([]byte("x"), noise))
	}
	return
}()

// TestNoisyStart shows that a worker may print before it comes to Init.
func TestNoisyStart(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	p := newPool(t, PoolOptions{
		Workers: 1, Env: append(os.Environ(), "NOISY=1"), Stdout: &lockedWriter{mu: &mu, w: &out}, StartTimeout: 10 * time.Second,
	})
	p.Close()
	if out.Len() != noise {
		t.Errorf("%d bytes of %d arrived", out.Len(), noise)
	}
}
