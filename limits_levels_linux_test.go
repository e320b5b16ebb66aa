package cutoff

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// cpuNet is a program with a command that spins once its input ends, under a
// limit of processor time.
var _ = helper("cpu-net", func() {
	c := sh("read line; while :; do :; done")
	c.Stdin, c.Containment, c.Limits.CPU = os.Stdin, os.Getenv(levelVar), time.Second
	p, err := c.Start(context.Background())
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	r, err := p.Wait()
	fmt.Println(r.Outcome, r.Signal, errors.Is(err, ErrCPU))
})

// TestCommandCPUNet: the kernel ends a command that uses up its processor time
// while this program is stopped and cannot look.
func TestCommandCPUNet(t *testing.T) {
	for _, l := range proc.Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			if l.Err != nil {
				t.Skip("it cannot be had here:", l.Err)
			}
			program := exec.Command(selfPath())
			program.Env = append(os.Environ(), helperEnv(t, "cpu-net"), levelVar+"="+string(l.Level))
			program.Stderr = os.Stderr
			in, err1 := program.StdinPipe()
			out, err2 := program.StdoutPipe()
			if err := errors.Join(err1, err2, program.Start()); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = program.Process.Kill()
				_ = program.Wait()
			}()
			lines := bufio.NewReader(out)
			line, err := lines.ReadString('\n')
			pid, err2 := strconv.Atoi(strings.TrimSpace(line))
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			await(t, "the kernel's limit", func() bool {
				limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
				_, cpu, _ := strings.Cut(string(limits), "Max cpu time")
				return err == nil && strings.Fields(cpu)[0] == "2"
			})
			_ = program.Process.Signal(syscall.SIGSTOP)
			await(t, "the program's stop", func() bool { return stateOf(program.Process.Pid) == "T" })
			in.Close()
			await(t, "the command's end", func() bool { return stateOf(pid) == "Z" })
			_ = program.Process.Signal(syscall.SIGCONT)
			if line, err := lines.ReadString('\n'); line != "cpu SIGXCPU true\n" {
				t.Errorf("%q, %v", line, err)
			}
		})
	}
}

// await waits until it is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(bound); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come in %v", what, bound)
		}
	}
}

// stateOf is the state of a process as /proc shows it; "" if there is none.
func stateOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

// TestCallLimitsAtEveryLevel: each limit of calls strikes at each level, and
// the pool goes on.
func TestCallLimitsAtEveryLevel(t *testing.T) {
	for _, l := range proc.Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			if l.Err != nil {
				t.Skip("it cannot be had here:", l.Err)
			}
			p := newPool(t, PoolOptions{
				Workers: 1, Containment: string(l.Level), Stdout: io.Discard,
				Limits: Limits{Timeout: bound, Memory: 600 << 20}, // a worker needs more under the race detector
			})
			for _, c := range []struct {
				outcome  Outcome
				sentinel error
				limits   Limits
				f        *Func[int, int]
				in       int
			}{
				{Timeout, ErrTimeout, Limits{Timeout: 200 * time.Millisecond}, spin, 0},
				{Idle, ErrIdle, Limits{Idle: 200 * time.Millisecond, Timeout: bound}, spin, 0},
				{CPU, ErrCPU, Limits{CPU: 100 * time.Millisecond, Timeout: bound}, spin, 0},
				{Memory, ErrMemory, Limits{Memory: 600 << 20, Timeout: bound}, eatUp, min(64<<30, math.MaxInt)},
				{Output, ErrOutput, Limits{Output: 10_000, Timeout: bound}, printOut, 0},
			} {
				call, err := c.f.Start(ctx(t), p.With(c.limits), c.in)
				if err != nil {
					t.Fatal(err)
				}
				_, err = call.Wait()
				_ = cutOff(t, call.Result(), err, c.outcome, c.sentinel)
				if n, err := double.Call(ctx(t), p, 21); err != nil || n != 42 {
					t.Errorf("the call after %s: %d, %v", c.outcome, n, err)
				}
			}
		})
	}
}

// TestLimitsOfNobody runs the tests of this file as an ordinary user, for whom
// no cgroup is to be had. For those of commands see TestCommandAtEveryLevel.
func TestLimitsOfNobody(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else; an ordinary user runs them anyway")
	}
	cmd := exec.Command(everybodysCopy(t), "-test.v", "-test.run=^(TestCommandCPUNet|TestCallLimitsAtEveryLevel)$")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "TMPDIR="+os.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"--- PASS: TestCommandCPUNet/sweep", "--- PASS: TestCallLimitsAtEveryLevel/sweep"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%v, no %q in\n%s", err, want, out)
		}
	}
}
