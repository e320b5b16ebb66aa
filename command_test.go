package cutoff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// bound is more time than anything here takes; it decides nothing else.
const bound = time.Minute

// sh runs a shell script as a command.
func sh(script string) Command { return Command{Path: "sh", Args: []string{"-c", script}} }

// within runs the command and fails the test if that takes longer than d.
func within(t *testing.T, d time.Duration, c Command) (Result, error) {
	t.Helper()
	start := time.Now()
	r, err := c.Run(context.Background())
	if took := time.Since(start); took > d {
		t.Errorf("returned after %v, not within %v", took, d)
	}
	return r, err
}

// pulse is a pipe that all processes of a command hold as their standard
// output: its end proves that none is left.
type pulse struct {
	t    *testing.T
	r, w *os.File
}

func newPulse(t *testing.T) *pulse {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return &pulse{t, r, w}
}

// wait reads n bytes: so many processes are up.
func (p *pulse) wait(n int) {
	p.t.Helper()
	_ = p.r.SetReadDeadline(time.Now().Add(bound))
	if _, err := io.ReadFull(p.r, make([]byte, n)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pulse) gone() {
	p.t.Helper()
	p.w.Close()
	_ = p.r.SetReadDeadline(time.Now().Add(bound))
	if _, err := io.Copy(io.Discard, p.r); err != nil {
		p.t.Errorf("a process is left: %v", err)
	}
}

func TestCommandOK(t *testing.T) {
	start := time.Now()
	r, err := within(t, bound, sh("echo out; echo err >&2"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != OK || r.ExitCode != 0 || r.Signal != "" || r.Attempt != 1 || r.PID <= 0 || r.Leaked != 0 ||
		r.Started.Before(start) || r.Wall <= 0 || r.User+r.System <= 0 || r.MaxRSS <= 0 || r.Overshoot != 0 ||
		r.Containment == "" || r.Output != "out\nerr\n" {
		t.Errorf("%+v", r)
	}
}

func TestCommandFails(t *testing.T) {
	r, err := within(t, bound, sh("echo why; exit 124"))
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Result != r || errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
	if r.Outcome != Failed || r.ExitCode != 124 || r.Output != "why\n" {
		t.Errorf("%+v", r)
	}
}

func TestCommandCrashes(t *testing.T) {
	for _, sig := range []string{"TERM", "KILL", "SEGV"} {
		r, err := within(t, bound, sh("ulimit -c 0; kill -"+sig+" $$"))
		var crash *CrashError
		if !errors.As(err, &crash) || crash.Result != r || !strings.Contains(crash.Reason, "SIG"+sig) {
			t.Errorf("%s: %v", sig, err)
		}
		if r.Outcome != Crashed || r.ExitCode != -1 || r.Signal != "SIG"+sig {
			t.Errorf("%s: %+v", sig, r)
		}
	}
}

// TestCommandTimeout has the form that os/exec waits 30 seconds for: a
// grandchild holds the captured output.
func TestCommandTimeout(t *testing.T) {
	for name, script := range map[string]string{
		"background": `echo up; sleep 30 & wait`,
		"session":    `echo up; setsid sleep 30 & wait`,
		"daemon":     `echo up; (setsid env -i /bin/sleep 30 &); sleep 30`,
		"deaf":       `trap '' TERM INT HUP; echo up; sleep 30 & wait`,
		"stopped":    `echo up; kill -STOP $$`,
		"bound echo": `while :; do echo up; done`,
	} {
		t.Run(name, func(t *testing.T) {
			c := sh(script)
			c.Limits.Timeout = 300 * time.Millisecond
			r, err := within(t, 10*time.Second, c)
			var cut *CutoffError
			if !errors.As(err, &cut) || !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrIdle) ||
				cut.Result != r || cut.Limit != 300*time.Millisecond || cut.Outcome != Timeout {
				t.Errorf("%v", err)
			}
			if r.Outcome != Timeout || r.Signal != "SIGKILL" || r.ExitCode != -1 || r.Wall < 300*time.Millisecond ||
				r.Overshoot <= 0 || r.Leaked != 0 || !strings.HasSuffix(r.Output, "up\n") {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestCommandGrace(t *testing.T) {
	p := newPulse(t)
	// It waits for its child, which would be killed with the tree.
	c := sh(`trap 'wait; exit 0' TERM; (trap 'echo; exit' TERM; echo; sleep 30 & wait) & echo; sleep 30 & wait`)
	c.Stdout = p.w
	c.Limits = Limits{Timeout: ample, Grace: bound}
	r, err := within(t, bound, c)
	if !errors.Is(err, ErrTimeout) || r.Outcome != Timeout || r.ExitCode != 0 || r.Signal != "" {
		t.Errorf("an exit that we asked for is still a cutoff: %v, %+v", err, r)
	}
	p.wait(3) // the child, too, was asked
	p.gone()
}

func TestCommandGracePasses(t *testing.T) {
	c := sh(`trap 'echo asked' TERM; while :; do sleep 30 & wait; done`)
	c.Limits = Limits{Timeout: ample, Grace: 100 * time.Millisecond}
	r, err := within(t, bound, c)
	if !errors.Is(err, ErrTimeout) || r.Signal != "SIGKILL" || !strings.Contains(r.Output, "asked\n") || r.Overshoot < 100*time.Millisecond {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestCommandIdle(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, w := range map[string]io.Writer{"discarded": nil, "file": f, "writer": new(bytes.Buffer)} {
		t.Run(name, func(t *testing.T) {
			c := sh(`echo up; exec sleep 30`)
			c.Stdout = w
			c.Limits.Idle = ample
			r, err := within(t, bound, c)
			var cut *CutoffError
			if !errors.As(err, &cut) || !errors.Is(err, ErrIdle) || errors.Is(err, ErrTimeout) || cut.Limit != c.Limits.Idle {
				t.Errorf("%v", err)
			}
			if r.Outcome != Idle || r.Output != "up\n" || r.Wall < c.Limits.Idle {
				t.Errorf("%+v", r)
			}
		})
	}
	if b, _ := os.ReadFile(f.Name()); string(b) != "up\n" {
		t.Errorf("the file has %q", b)
	}
}

// TestCommandNotIdle writes all the time, for longer than the limit.
func TestCommandNotIdle(t *testing.T) {
	c := sh(`for i in 1 2 3 4 5 6 7 8 9 10; do echo $i >&2; sleep 0.3; done`)
	c.Limits.Idle = 2 * time.Second
	if r, err := within(t, bound, c); err != nil {
		t.Errorf("%v, %+v", err, r)
	}
	// While a writer holds it up, the silence is not the command's.
	s := &streams{began: time.Now().Add(-time.Hour)}
	before := time.Now()
	if s.lastOutput().After(before) {
		t.Error("no output was the last output")
	}
	s.writing.Add(1)
	if s.lastOutput().Before(before) {
		t.Error("a writer that takes its time counts as the command's silence")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestCommandCanceled(t *testing.T) {
	p := newPulse(t)
	c := sh(`(setsid sh -c 'echo; exec sleep 30' &); echo; exec sleep 30`)
	c.Stdout = p.w
	ctx, cancel := context.WithCancelCause(context.Background())
	proc, err := c.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p.wait(2)
	why := errors.New("enough")
	cancel(why)
	r, err := proc.Wait()
	var canceled *CanceledError
	if !errors.As(err, &canceled) || !errors.Is(err, why) || canceled.Result != r || r.Outcome != Canceled || r.Leaked != 0 {
		t.Errorf("%v, %+v", err, r)
	}
	p.gone()
}

func TestCommandNotStarted(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		Command
		ctx  context.Context
		want error
	}{
		"not found":    {Command{Path: "no-such-command"}, nil, exec.ErrNotFound},
		"no file":      {Command{Path: filepath.Join(dir, "none")}, nil, fs.ErrNotExist},
		"no rights":    {Command{Path: plain}, nil, fs.ErrPermission},
		"no directory": {Command{Path: "true", Dir: filepath.Join(dir, "none")}, nil, fs.ErrNotExist},
		"canceled":     {Command{Path: "true"}, ctx, context.Canceled},
		"no path":      {Command{}, nil, nil},
		"negative":     {Command{Path: "true", Limits: Limits{Timeout: -1}}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.ctx == nil {
				c.ctx = context.Background()
			}
			c.Stdin, c.Stdout = strings.NewReader("x"), io.Discard // pipes, to be given back
			r, err := c.Run(c.ctx)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "cutoff: ") {
				t.Errorf("%v", err)
			}
			if r.Outcome != NotStarted || r.ExitCode != -1 || r.PID != 0 || r.Attempt != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestCommandDot: a program in the current directory is not found by its bare
// name.
func TestCommandDot(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prog"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("PATH", ".")
	if _, err := (Command{Path: "prog"}).Run(context.Background()); !errors.Is(err, exec.ErrDot) {
		t.Errorf("%v", err)
	}
}

func TestCommandLeaks(t *testing.T) {
	p := newPulse(t)
	c := sh(`(setsid sh -c 'echo; exec sleep 30' &); (sleep 30 &); read line; exit 3`)
	c.Stdout = p.w
	r0, w0, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r0.Close()
	c.Stdin = r0
	proc, err := c.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p.wait(1)
	w0.Close() // now it exits
	r, err := proc.Wait()
	if r.Outcome != Failed || r.ExitCode != 3 || r.Leaked != 2 {
		t.Errorf("%v, %+v", err, r)
	}
	p.gone()
}

func TestCommandStreams(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	var out, errs bytes.Buffer
	c := sh(`cat; echo problem >&2`)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(big), &out, &errs
	r, err := within(t, bound, c)
	if err != nil || out.String() != big || errs.String() != "problem\n" {
		t.Errorf("%v, %d bytes of %d, %q", err, out.Len(), len(big), errs.String())
	}
	if r.OutputBytes != 1<<20+8 || !strings.Contains(r.Output, big[:headSize-16]) || !strings.Contains(r.Output, " bytes are left out here …]\n") ||
		!strings.HasSuffix(r.Output, "abcdef") && !strings.HasSuffix(r.Output, "problem\n") {
		t.Errorf("an excerpt of %d bytes: %q", len(r.Output), r.Output[max(0, len(r.Output)-40):])
	}

	var both bytes.Buffer // one writer for both: in order, and from one goroutine
	c = sh(`for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo $i >&2; done`)
	c.Stdout, c.Stderr = &both, &both
	if r, err := within(t, bound, c); err != nil || both.String() != "1\n1\n2\n2\n3\n3\n4\n4\n5\n5\n6\n6\n7\n7\n8\n8\n9\n9\n" || r.Output != both.String() {
		t.Errorf("%v, %q, %q", err, both.String(), r.Output)
	}
}

// TestCommandLateOutput: what was written just before the end arrives, also
// if it is what is left behind that keeps the pipe open.
func TestCommandLateOutput(t *testing.T) {
	big := 60 << 10 // what a pipe holds without a reader
	for range 20 {
		var out slowBuffer
		c := sh(fmt.Sprintf(`head -c %d /dev/zero; (setsid sleep 30 &)`, big))
		c.Stdout = &out
		if r, err := within(t, bound, c); err != nil || out.Len() != big {
			t.Fatalf("%v, %+v: %d of %d bytes", err, r.Outcome, out.Len(), big)
		}
	}
}

// slowBuffer takes a kilobyte at a time.
type slowBuffer struct{ bytes.Buffer }

func (s *slowBuffer) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n, _ := s.Buffer.Write(rest[:min(1<<10, len(rest))])
		rest = rest[n:]
	}
	return len(b), nil
}

func TestCommandWriterFails(t *testing.T) {
	full := errors.New("disk full")
	c := sh(`head -c 300000 /dev/zero; echo end >&2`)
	c.Stdout = writerFunc(func([]byte) (int, error) { return 0, full })
	r, err := within(t, bound, c)
	if !errors.Is(err, full) || r.Outcome != OK || r.ExitCode != 0 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestCommandReaderBlocks: a reader that never returns holds nothing up.
func TestCommandReaderBlocks(t *testing.T) {
	stdin, w := io.Pipe()
	defer w.Close()
	c := sh(`exit 0`)
	c.Stdin = stdin
	if r, err := within(t, bound, c); err != nil {
		t.Errorf("%v, %+v", err, r)
	}
	broken := errors.New("cannot read")
	c = sh(`cat`)
	c.Stdin = io.MultiReader(strings.NewReader("some"), errReader{broken})
	if r, err := within(t, bound, c); !errors.Is(err, broken) || r.Outcome != OK || r.Output != "some" {
		t.Errorf("%v, %+v", err, r)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestCommandEnv(t *testing.T) {
	t.Setenv("CUTOFF_TEST_INHERITED", "yes")
	dir := t.TempDir()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := sh(`echo $CUTOFF_TEST_INHERITED $A; pwd`)
	c.Dir = dir
	if r, err := within(t, bound, c); err != nil || r.Output != "yes\n"+dir+"\n" {
		t.Errorf("%v, %q", err, r.Output)
	}
	c.Env = []string{"A=1", "A=2"}
	if r, err := within(t, bound, c); err != nil || r.Output != "2\n"+dir+"\n" {
		t.Errorf("%v, %q", err, r.Output)
	}
}

func TestProcess(t *testing.T) {
	for name, stop := range map[string]struct {
		f    func(*Process)
		want error
	}{
		"terminate":            {func(p *Process) { p.Terminate() }, errTerminated},
		"kill":                 {func(p *Process) { p.Kill() }, errKilled},
		"kill in the grace":    {func(p *Process) { p.Terminate(); p.Kill() }, nil},
		"from many goroutines": {many, nil},
	} {
		t.Run(name, func(t *testing.T) {
			pulse := newPulse(t)
			c := sh(`trap 'echo' TERM; (setsid sh -c 'trap "" TERM; echo; exec sleep 30' &); echo; while :; do sleep 30 & wait; done`)
			c.Stdout = pulse.w
			c.Limits.Grace = 50 * time.Millisecond
			if name != "terminate" {
				c.Limits.Grace = time.Hour
			}
			p, err := c.Start(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			pulse.wait(2)
			if !p.Alive() || p.PID() <= 0 || p.Result().Outcome != "" || p.Join(time.Millisecond) {
				t.Errorf("it runs: %v %d %+v", p.Alive(), p.PID(), p.Result())
			}
			stop.f(p)
			if !p.Join(bound) {
				t.Fatal("it has not ended")
			}
			r, err := p.Wait()
			var canceled *CanceledError
			if !errors.As(err, &canceled) || stop.want != nil && !errors.Is(err, stop.want) || r.Outcome != Canceled || r != p.Result() || p.Alive() {
				t.Errorf("%v, %+v", err, r)
			}
			<-p.Done()
			p.Kill()
			p.Terminate()
			pulse.gone()
		})
	}
}

// TestKillFasterThanItsNotice: the supervisor sees the end before it hears that
// the caller wanted it.
func TestKillFasterThanItsNotice(t *testing.T) {
	p, err := sh("exec sleep 30").Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p.killed.Store(true)
	p.tree.Kill()
	if r, err := p.Wait(); !errors.Is(err, errKilled) || r.Outcome != Canceled {
		t.Errorf("%v, %+v", err, r)
	}
}

func many(p *Process) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(p.Terminate)
		wg.Go(p.Kill)
		wg.Go(func() { p.Join(bound) })
	}
	wg.Wait()
}

// TestCommandsAtOnce runs many with every ending side by side.
func TestCommandsAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			c := sh(fmt.Sprintf("echo %d; exit %d", i, i%3))
			want := OK
			switch {
			case i%4 == 3:
				c, want = sh("sleep 30 & wait"), Timeout
				c.Limits.Timeout = 100 * time.Millisecond
			case i%3 != 0:
				want = Failed
			}
			if r, err := c.Run(context.Background()); r.Outcome != want {
				t.Errorf("%d: %v, %+v", i, err, r)
			}
		})
	}
	wg.Wait()
}

func TestTail(t *testing.T) {
	var a account
	var all []byte
	add := func(b []byte) {
		a.add(b)
		all = append(all, b...)
		want := all[min(len(all), headSize):]
		if want = want[max(0, len(want)-tailSize):]; string(a.tail) != string(want) || !bytes.HasPrefix(all, a.head) {
			t.Fatalf("after %d bytes: %d kept", len(all), len(a.tail))
		}
	}
	for i := range 3000 {
		add(bytes.Repeat([]byte{byte('a' + i%26)}, i%97))
	}
	add(bytes.Repeat([]byte("x"), 3*tailSize))
}
