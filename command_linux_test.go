package cutoff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCommandPipeHeld: a process that has no part in the command holds its
// output, and goes on writing to it. What the command wrote is there, and the
// return is not held up.
func TestCommandPipeHeld(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	up := newPulse(t)
	var out strings.Builder
	c := sh(`printf early; echo >&2; read line; printf late`)
	c.Stdin, c.Stdout, c.Stderr = r, &out, up.w
	p, err := c.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	up.wait(1)
	held, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", p.PID()), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	w.Close()
	if !p.Join(bound) {
		t.Fatal("held up by the pipe")
	}
	if r, err := p.Wait(); err != nil || out.String() != "earlylate" || r.Output != out.String() {
		t.Errorf("%v, %q, %+v", err, out.String(), r)
	}
	_ = held.SetWriteDeadline(time.Now()) // nobody reads it any more
	if _, err := held.Write([]byte("x")); err == nil {
		t.Error("the pipe is still read")
	}
}

// TestOutputEndsWithWhatIsThere: the end has come before the first read, and
// somebody still holds the pipe.
func TestOutputEndsWithWhatIsThere(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want := strings.Repeat("x", 60<<10)
	if _, err := w.WriteString(want); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	o := &outputCopy{from: r, to: &out, streams: &streams{}, done: make(chan struct{})}
	o.endOfPipe()
	go o.run()
	if err := o.finish(); err != nil || out.String() != want {
		t.Errorf("%v, %d bytes", err, out.Len())
	}
}

// TestCommandAtEveryLevel runs the commands' tests at the other levels and as an
// ordinary user, who may not make cgroups.
func TestCommandAtEveryLevel(t *testing.T) {
	if os.Getenv("CUTOFF_CONTAINMENT") != "" {
		t.Skip("a level is forced already")
	}
	const tests = "^(TestCommand(OK|CPU|Memory|Output|Fails|Crashes|Timeout|Grace|GracePasses|Canceled|Leaks|Leftovers|Streams|PipeHeld|sAtOnce)|TestProcess)$"
	for name, cred := range map[string]*syscall.Credential{
		"pidns":         nil,
		"sweep":         nil,
		"ordinary user": {Uid: 65534, Gid: 65534},
	} {
		t.Run(name, func(t *testing.T) {
			const least = 15
			cmd := exec.Command(everybodysCopy(t), "-test.v", "-test.run="+tests)
			cmd.Dir = "/"
			cmd.Env = append(os.Environ(), "TMPDIR="+os.TempDir())
			if cred != nil {
				if os.Getuid() != 0 {
					t.Skip("only root can become somebody else; an ordinary user runs them anyway")
				}
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
			} else {
				cmd.Env = append(cmd.Env, "CUTOFF_CONTAINMENT="+name)
			}
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Count(string(out), "--- PASS: Test") < least {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// everybodysCopy is this test binary where every user may execute it.
func everybodysCopy(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cutoff-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "cutoff.test"), b, 0o755)
	}
	if err := errors.Join(err, os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "cutoff.test")
}

// TestCommandLeavesNoDescriptors: ten of every ending.
func TestCommandLeavesNoDescriptors(t *testing.T) {
	count := func() int {
		fds, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	run := func() {
		for _, script := range []string{"exit 0", "exit 1", "kill $$", "sleep 30 & exit 0", "sleep 30"} {
			c := sh(script)
			c.Stdin, c.Stderr = strings.NewReader("x"), new(strings.Builder)
			c.Limits.Timeout = 200 * time.Millisecond
			_, _ = c.Run(context.Background())
		}
		_, _ = Command{Path: "/"}.Run(context.Background())
	}
	run()
	before := count()
	for range 5 {
		run()
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}
