package cutoff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Hostile children of the limits' tests.
var (
	_ = helper("spin", burn)
	// One that works in children only, and waits for each: none of them ever
	// lives long.
	_ = helper("spin-in-children", func() {
		for {
			_, _ = Command{Path: selfPath(), Env: append(os.Environ(), helperVar+"=spin-briefly")}.Run(context.Background())
		}
	})
	_ = helper("spin-briefly", func() {
		for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
		}
	})
	_ = helper("eat", func() { eat(min(32<<30, math.MaxInt)) })
	_ = helper("eat-a-little", func() {
		eat(64 << 20)
		fmt.Println("done")
		if os.Getenv("CUTOFF_TEST_STAY") != "" {
			time.Sleep(time.Hour)
		}
	})
	_ = helper("print", func() {
		for {
			_, _ = os.Stdout.WriteString(strings.Repeat("all work and no play\n", 100))
			_, _ = os.Stderr.WriteString("makes jack\n")
		}
	})
)

func selfPath() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

func burn() {
	for {
	}
}

var eaten [][]byte

// eat takes n bytes and touches each page.
func eat(n int) {
	const step = 4 << 20
	for ; n > 0; n -= step {
		b := pages(step)
		for i := 0; i < len(b); i += 512 {
			b[i] = 1
		}
		eaten = append(eaten, b)
	}
}

// play is this test binary as the helper.
func play(t *testing.T, name string) Command {
	return Command{Path: selfPath(), Env: append(os.Environ(), helperEnv(t, name))}
}

// cutOff checks that the command was stopped for the limit, and nothing else.
func cutOff(t *testing.T, r Result, err error, want Outcome, sentinel error) *CutoffError {
	t.Helper()
	var e *CutoffError
	if r.Outcome != want || !errors.Is(err, sentinel) || !errors.As(err, &e) {
		t.Fatalf("outcome %q, error %v; want %q\n%+v", r.Outcome, err, want, r)
	}
	for _, other := range []error{ErrTimeout, ErrCPU, ErrMemory, ErrIdle, ErrOutput} {
		if other != sentinel && errors.Is(err, other) {
			t.Errorf("%v matches %v too", err, other)
		}
	}
	return e
}

func TestCommandCPU(t *testing.T) {
	const limit = 500 * time.Millisecond
	for _, name := range []string{"spin", "spin-in-children"} {
		t.Run(name, func(t *testing.T) {
			if name == "spin-in-children" {
				helperEnv(t, "spin-briefly")
			}
			c := play(t, name)
			c.Limits = Limits{CPU: limit, Timeout: bound}
			r, err := c.Run(context.Background())
			e := cutOff(t, r, err, CPU, ErrCPU)
			if e.Limit != limit || e.Bytes != 0 || !strings.Contains(err.Error(), "500ms") {
				t.Errorf("%+v: %v", e, err)
			}
			if name == "spin" && (r.User+r.System < limit || r.User+r.System > 2*limit) {
				t.Errorf("stopped after %v of processor time", r.User+r.System)
			}
		})
	}
}

// Sleep is no use of a processor.
func TestCommandCPUNotUsed(t *testing.T) {
	c := sh("sleep 1")
	c.Limits = Limits{CPU: 500 * time.Millisecond}
	if r, err := c.Run(context.Background()); err != nil {
		t.Errorf("%v: %+v", err, r)
	}
}

// TestCommandCPUIsFair runs the same tasks alone and beside a load on every
// processor: the same ones are cut off, and after as much work.
func TestCommandCPUIsFair(t *testing.T) {
	const limit = 500 * time.Millisecond
	run := func() {
		t.Helper()
		for i, name := range []string{"spin", "spin-briefly"} {
			c := play(t, name)
			c.Limits = Limits{CPU: limit, Timeout: bound}
			r, err := c.Run(context.Background())
			if cut := errors.Is(err, ErrCPU); cut != (i == 0) || !cut && err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if used := r.User + r.System; i == 0 && (used < limit || used > 2*limit) {
				t.Errorf("%s: cut off after %v of processor time", name, used)
			}
		}
	}
	run()
	ctx, stop := context.WithCancel(context.Background())
	var load []*Process
	for range 2 * runtime.NumCPU() {
		p, err := play(t, "spin").Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		load = append(load, p)
	}
	run()
	stop()
	for _, p := range load {
		_, _ = p.Wait()
	}
}

func TestCommandMemory(t *testing.T) {
	const limit = 200 << 20
	t.Run("leader", func(t *testing.T) {
		c := play(t, "eat")
		c.Limits = Limits{Memory: limit, Timeout: bound, Grace: time.Hour}
		r, err := c.Run(context.Background())
		e := cutOff(t, r, err, Memory, ErrMemory)
		if e.Bytes != limit || e.Limit != 0 || !strings.Contains(err.Error(), "200 MiB") {
			t.Errorf("%+v: %v", e, err)
		}
		if r.MemoryBy != ByWatch && r.MemoryBy != ByKernel {
			t.Errorf("ended by %q", r.MemoryBy)
		}
		t.Logf("by the %s with a peak of %d MiB", r.MemoryBy, r.MaxRSS>>20)
	})
	t.Run("child", func(t *testing.T) {
		c := sh(selfPath() + `; sleep 60`)
		c.Env = append(os.Environ(), helperEnv(t, "eat"))
		c.Limits = Limits{Memory: limit, Timeout: bound}
		r, err := c.Run(context.Background())
		_ = cutOff(t, r, err, Memory, ErrMemory)
	})
	t.Run("together", func(t *testing.T) { // none of them alone exceeds it
		c := sh("for i in 1 2 3 4 5 6; do " + selfPath() + " & done; wait")
		c.Env = append(os.Environ(), helperEnv(t, "eat-a-little"))
		c.Limits = Limits{Memory: limit, Timeout: bound}
		c.Env = append(c.Env, "CUTOFF_TEST_STAY=1")
		r, err := c.Run(context.Background())
		_ = cutOff(t, r, err, Memory, ErrMemory)
	})
	t.Run("within", func(t *testing.T) {
		c := play(t, "eat-a-little")
		c.Limits = Limits{Memory: limit}
		if r, err := c.Run(context.Background()); err != nil || r.Output != "done\n" || r.MemoryBy != "" {
			t.Errorf("%v: %+v", err, r)
		}
	})
}

func TestCommandOutput(t *testing.T) {
	const limit = 100_000
	var out bytes.Buffer
	c := play(t, "print")
	c.Stdout, c.Stderr = &out, &out
	c.Limits = Limits{Output: limit, Timeout: bound}
	r, err := c.Run(context.Background())
	e := cutOff(t, r, err, Output, ErrOutput)
	if e.Bytes != limit || r.OutputBytes <= limit || out.Len() != limit {
		t.Errorf("%d bytes passed on, %d written: %v", out.Len(), r.OutputBytes, err)
	}
}

// Output that goes to a file is counted as well.
func TestCommandOutputToFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := play(t, "print")
	c.Stdout = f
	c.Limits = Limits{Output: 5000, Timeout: bound}
	r, err := c.Run(context.Background())
	_ = cutOff(t, r, err, Output, ErrOutput)
	if fi, err := f.Stat(); err != nil || fi.Size() > 5000 {
		t.Errorf("%v, %v", fi, err)
	}
}

// A command that writes too much and ends at once is cut off, too: what it
// wrote has been cut.
func TestCommandOutputAtOnce(t *testing.T) {
	var out strings.Builder
	c := sh("echo 12345; echo 6789")
	c.Stdout = &out
	c.Limits.Output = 10
	r, err := c.Run(context.Background())
	_ = cutOff(t, r, err, Output, ErrOutput)
	if out.String() != "12345\n6789" || r.OutputBytes != 11 {
		t.Errorf("%q of %d", out.String(), r.OutputBytes)
	}
	c.Limits.Output = 11
	if r, err := c.Run(context.Background()); err != nil || r.OutputBytes != 11 || r.Output != "12345\n6789\n" {
		t.Errorf("exactly at the limit: %v, %+v", err, r)
	}
}

func TestExcerpt(t *testing.T) {
	var a account
	text := func(n int) string { return strings.Repeat("0123456789abcde\n", n/16) }
	_, _ = io.WriteString(accountWriter{&a}, text(headSize))
	if got := a.excerpt(); got != text(headSize) {
		t.Errorf("head alone: %d bytes", len(got))
	}
	_, _ = io.WriteString(accountWriter{&a}, text(tailSize))
	if got := a.excerpt(); got != text(headSize+tailSize) {
		t.Errorf("head and tail: %d bytes", len(got))
	}
	_, _ = io.WriteString(accountWriter{&a}, text(1600)+"the end\n")
	got := a.excerpt()
	head, rest, ok := strings.Cut(got, "[… ")
	line, tail, _ := strings.Cut(rest, "\n")
	if !ok || head != text(headSize) || !strings.HasSuffix(tail, "the end\n") || line != "1608 bytes are left out here …]" {
		t.Errorf("%q", line)
	}
	if a.written() != headSize+tailSize+1608 || len(tail) != tailSize {
		t.Errorf("%d written, a tail of %d", a.written(), len(tail))
	}

	a = account{}
	for range 5000 {
		_, _ = io.WriteString(accountWriter{&a}, "…€")
	}
	if got := a.excerpt(); strings.Contains(got, "\uFFFD") || !strings.Contains(got, "…€\n[… ") || !strings.HasSuffix(got, "…€") {
		t.Errorf("runes were cut: %q", got)
	}
}

type accountWriter struct{ a *account }

func (w accountWriter) Write(b []byte) (int, error) { return w.a.add(b), nil }

func TestLimitsCheck(t *testing.T) {
	for name, l := range map[string]Limits{
		"Timeout": {Timeout: -1}, "Grace": {Grace: -1}, "CPU": {CPU: -1}, "Idle": {Idle: -1},
		"Memory": {Memory: -1}, "Output": {Output: -1},
	} {
		if err := l.check(); err == nil || !strings.Contains(err.Error(), "Limits."+name+" ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Limits{}).check(); err != nil {
		t.Error(err)
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{
		1: "1 byte", 1000: "1000 bytes", 1024: "1 KiB", 1536: "1.5 KiB", 200 << 20: "200 MiB", 3 << 29: "1.5 GiB",
		1<<20 + 1: "1048577 bytes", 5 << 40: "5 TiB",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
