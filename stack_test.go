//go:build unix

package cutoff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// stuck is stuck as its input says.
var stuck = Register("stuck", func(ctx context.Context, how string) (int, error) {
	fmt.Fprint(os.Stderr, "before "+how) // without a line's end
	if how == "many" {
		stuckAmongMany(ctx)
	}
	stuckWays[how]()
	return 0, nil
})

var stuckWays = map[string]func(){
	"spin":           stuckSpinning,
	"one processor":  func() { runtime.GOMAXPROCS(1); stuckSpinning() },
	"select":         stuckInSelect,
	"mutex":          stuckInMutex,
	"several":        func() { go stuckBeside(); go stuckBeside(); stuckSpinning() },
	"deep":           func() { stuckDeep(100_000) },
	"catches":        func() { signal.Notify(make(chan os.Signal, 1), syscall.SIGQUIT); stuckSpinning() },
	"ignores":        func() { signal.Ignore(syscall.SIGQUIT); stuckSpinning() },
	"holds its word": func() { stuckHolding() },
	"stopped":        func() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP); stuckSpinning() },
}

//go:noinline
func stuckSpinning() {
	for {
	}
}

func stuckInSelect() {
	select {
	case <-make(chan int):
	case <-make(chan string):
	}
}

func stuckInMutex() {
	var mu sync.Mutex
	mu.Lock()
	mu.Lock()
}

func stuckBeside() { stuckSpinning() }

//go:noinline
func stuckDeep(n int) int {
	if n == 0 {
		stuckSpinning()
	}
	return stuckDeep(n-1) + 1
}

func stuckAmongMany(ctx context.Context) {
	for i := range 10_000 {
		go stuckInSelect()
		Beat(ctx, float64(i))
	}
	stuckSpinning()
}

// stuckHolding keeps the world from being stopped: nothing in its loop can be
// preempted where asynchronous preemption is off.
//
//go:noinline
func stuckHolding() {
	for {
	}
}

// TestNoStack shows that nobody need be asked, and that who was stopped by the
// caller is not.
func TestNoStack(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, NoStack: true, Limits: Limits{Timeout: short}})
	_, err := stuck.Call(ctx(t), p, "select")
	if r := errorAs[*CutoffError](t, err).Result; r.Stack != "" || r.StuckIn() != "" {
		t.Errorf("nobody wanted to know: %+v", r)
	}
	started := make(chan struct{}, 1)
	p = newPool(t, PoolOptions{Workers: 1, OnEvent: func(e Event) {
		if e.Kind == CallStarted {
			started <- struct{}{}
		}
	}})
	c, err := stuck.Start(ctx(t), p, "select")
	if err != nil {
		t.Fatal(err)
	}
	<-started
	c.Kill()
	if _, err := c.Wait(); errorAs[*CanceledError](t, err).Result.Stack != "" {
		t.Errorf("killed by the caller: %+v", c.Result())
	}
}

// TestStuckWithGrace shows that a function which obeys the polite stop has a
// stack too, that of the moment when it was asked, and that a result within
// the grace has none.
func TestStuckWithGrace(t *testing.T) {
	patient(t)
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Timeout: short, Grace: bound}})
	_, err := polite.Call(ctx(t), p, "error")
	if r := errorAs[*CutoffError](t, err).Result; r.Signal != "" || r.StuckIn() != "cutoff.politely" {
		t.Errorf("obeyed, stuck in %q:\n%s", r.StuckIn(), r.Stack)
	}
	c, err := polite.Start(ctx(t), p, "value")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(); err != nil || c.Result().Stack != "" {
		t.Errorf("a result in time: %v, %+v", err, c.Result())
	}
	_, err = spin.Call(ctx(t), p.With(Limits{Timeout: short, Grace: short}), 0)
	if r := errorAs[*CutoffError](t, err).Result; r.Signal != "SIGKILL" || r.StuckIn() != "cutoff.spinForever" {
		t.Errorf("did not listen, stuck in %q:\n%s", r.StuckIn(), r.Stack)
	}
}

// patient lets every worker have the time to say where its function is.
func patient(t *testing.T) {
	proc.Patience = 50
	t.Cleanup(func() { proc.Patience = 1 })
}

// TestStuck cuts functions off that are stuck in every way, and holds that the
// record says where, that what they printed arrives and what the runtime
// printed does not, and that the pool goes on.
func TestStuck(t *testing.T) {
	patient(t)
	for _, c := range []struct {
		how   string
		env   string
		where string // in a line of the stack; "" where there can be none
	}{
		{"spin", "", "cutoff.stuckSpinning"},
		{"one processor", "", "cutoff.stuckSpinning"},
		{"select", "", "cutoff.stuckInSelect"},
		{"mutex", "", "cutoff.stuckInMutex"},
		{"several", "", "cutoff.stuckSpinning"},
		{"deep", "", "cutoff.stuckSpinning"},
		{"catches", "", "cutoff.stuckSpinning"},
		{"ignores", "", "cutoff.stuckSpinning"},
		{"many", "", "cutoff.stuckSpinning"},
		{"stopped", "", ""},
		{"holds its word", "GODEBUG=asyncpreemptoff=1", "cutoff.stuckHolding"},
		{"one processor", "GODEBUG=asyncpreemptoff=1", "cutoff.stuckSpinning"},
		{"catches", "GODEBUG=asyncpreemptoff=1", ""},
		{"ignores", "GODEBUG=asyncpreemptoff=1", ""},
	} {
		t.Run(strings.TrimSpace(c.how+" "+c.env), func(t *testing.T) {
			var mu sync.Mutex
			var errs bytes.Buffer
			env := append(os.Environ(), c.env)
			limits := Limits{Timeout: 300 * time.Millisecond}
			if c.how == "many" { // it beats until they are all there
				limits = Limits{Idle: 300 * time.Millisecond}
			}
			p := newPool(t, PoolOptions{Workers: 1, Env: env, Stderr: &lockedWriter{mu: &mu, w: &errs}, Limits: limits})
			_, err := stuck.Call(ctx(t), p, c.how)
			r := errorAs[*CutoffError](t, err).Result
			if !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrIdle) || r.Signal != "SIGKILL" || r.ExitCode != -1 {
				t.Errorf("got %v, %q, exit code %d", err, r.Signal, r.ExitCode)
			}
			if got := r.StuckIn(); got != c.where {
				t.Errorf("stuck in %q, want %q:\n%.4000s", got, c.where, r.Stack)
			}
			t.Logf("overshoot %v, %d bytes of stack", r.Overshoot, len(r.Stack))
			if len(r.Stack) > 64<<10 || strings.Contains(r.Stack, "internal/worker") || strings.Contains(r.Stack, "\nr10 ") {
				t.Errorf("%d bytes of stack, or with what is not the function's:\n%.4000s", len(r.Stack), r.Stack)
			}
			if n, err := double.Call(ctx(t), p.With(Limits{}), 4); n != 8 || err != nil {
				t.Errorf("the next call: %d, %v", n, err)
			}
			p.Close()
			mu.Lock()
			defer mu.Unlock()
			if got := errs.String(); got != "before "+c.how {
				t.Errorf("standard error has %.400q", got)
			}
		})
	}
}
