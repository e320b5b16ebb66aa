package cutoff

import (
	"context"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var (
	spinElsewhere = Register("limits.spinElsewhere", func(context.Context, struct{}) (int, error) {
		exe, err := os.Executable()
		if err != nil {
			return 0, err
		}
		c := exec.Command(exe)
		c.Env = append(os.Environ(), helperVar+"=spin")
		return 0, c.Run()
	})
	eatUp = Register("limits.eat", func(_ context.Context, n int) (int, error) {
		eat(n)
		return len(eaten), nil
	})
	// litter is more than the limit if nobody collects it.
	litter = Register("limits.garbage", func(_ context.Context, n int) (sum int, err error) {
		for range n {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			sum += int(b[0])
		}
		return sum, nil
	})
	printOut = Register("limits.print", func(_ context.Context, n int) (int, error) {
		line := strings.Repeat("x", 99) + "\n"
		for i := 0; n == 0 || i < n; i++ {
			_, _ = os.Stdout.WriteString(line)
		}
		return n, nil
	})
)

func TestCallCPU(t *testing.T) {
	const limit = 300 * time.Millisecond
	helperEnv(t, "spin")
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{CPU: limit, Timeout: bound}})
	for i := range 2 { // what the worker used before does not count
		c, err := spin.Start(ctx(t), p, i)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Wait()
		e := cutOff(t, c.Result(), err, CPU, ErrCPU)
		if used := e.Result.User + e.Result.System; e.Limit != limit || used < limit || used > 3*limit {
			t.Errorf("limit %v, used %v", e.Limit, used)
		}
	}
	c, err := spinElsewhere.Start(ctx(t), p, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Wait()
	_ = cutOff(t, c.Result(), err, CPU, ErrCPU)
	for range 20 { // many calls on one worker, each well below
		if _, err := double.Call(ctx(t), p, 1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCallMemory(t *testing.T) {
	const limit = 300 << 20
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Memory: limit, Timeout: bound, Grace: time.Hour}})
	c, err := eatUp.Start(ctx(t), p, min(64<<30, math.MaxInt))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Wait()
	e := cutOff(t, c.Result(), err, Memory, ErrMemory)
	if e.Bytes != limit || e.Result.MemoryBy == "" || e.Result.MemoryBy == ByMachine {
		t.Errorf("%+v", e)
	}
	if _, err := eatUp.Call(ctx(t), p, 16<<20); err != nil {
		t.Errorf("within the limit: %v", err)
	}
}

// TestCallMemoryCollects: a function that makes garbage lives, because the
// runtime collects before it comes to the limit.
func TestCallMemoryCollects(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory grows with the heap, and nobody collects it")
	}
	env := append(os.Environ(), "GOGC=off")
	p := newPool(t, PoolOptions{Workers: 1, Env: env, Limits: Limits{Memory: 300 << 20, Timeout: bound}})
	if sum, err := litter.Call(ctx(t), p, 2000); err != nil || sum != 2000 {
		t.Errorf("%d, %v", sum, err)
	}
}

func TestCallOutput(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1, Stdout: io.Discard, Stderr: io.Discard, Limits: Limits{Output: 100_000, Timeout: bound}})
	c, err := printOut.Start(ctx(t), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Wait()
	e := cutOff(t, c.Result(), err, Output, ErrOutput)
	if e.Bytes != 100_000 || e.Result.OutputBytes <= 100_000 {
		t.Errorf("%+v", e)
	}
	for range 10 { // together more than the limit
		c, err := printOut.Start(ctx(t), p, 500)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Wait(); err != nil {
			t.Errorf("%v: %+v", err, c.Result())
		}
	}
}
