//go:build unix

package cutoff

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/worker"
)

// build builds a program of testdata.
func build(t *testing.T, name string, flags ...string) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), name)
	args := append(append([]string{"build", "-o", exe}, flags...), "./testdata/"+name)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return exe
}

// output runs a program and returns what it printed. It is killed with the
// test if it hangs.
func output(t *testing.T, exe string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(ctx(t), exe, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(exe), args, err, out)
	}
	return string(out)
}

func TestNoInit(t *testing.T) {
	exe := build(t, "noinit")
	for _, c := range []struct{ how, want string }{
		{"never", "a pool without it"},
		{"never", "call cutoff.Init() as the first statement of main"},
		{"worker", "a worker builds no pool"},
		{"conditional", "it ended with exit status 0"},
	} {
		if got := output(t, exe, c.how); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want something about %q", c.how, got, c.want)
		}
	}
}

// TestOtherProgram starts another program's file as a worker, as happens where
// a deployment replaces the file under a running program.
func TestOtherProgram(t *testing.T) {
	exe := build(t, "noinit")
	w, err := worker.Start(worker.Config{
		Path: exe, Args: []string{exe, "conditional"}, Env: os.Environ(), Fingerprint: fingerprint(), Bound: bound,
	})
	if err == nil {
		w.Close()
	}
	if !errors.Is(err, worker.ErrOtherProgram) || !strings.Contains(startError(err).Error(), "restart it") {
		t.Errorf("got %v", err)
	}
}

// TestCgo cuts off and crashes native code.
func TestCgo(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc: native code is not tested here; apt-get install gcc libc6-dev")
	}
	t.Setenv("CGO_ENABLED", "1")
	exe := build(t, "cgo")
	for _, env := range []string{"GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1"} {
		name, value, _ := strings.Cut(env, "=")
		t.Run(env, func(t *testing.T) {
			t.Setenv(name, value)
			got := output(t, exe)
			for _, want := range []string{
				"loop timeout main._Cfunc_loop\n", "wait timeout main._Cfunc_wait\n", "loop beside a loop timeout main._Cfunc_loop\n",
				"segv crashed SIGSEGV", "abort crashed SIGABRT", "nothing survived nothing <nil>\n",
			} {
				if !strings.Contains(got, want) {
					t.Errorf("lacks %q:\n%s", want, got)
				}
			}
			if strings.Contains(got, "SIGQUIT") {
				t.Errorf("the dump is on standard error:\n%s", got)
			}
		})
	}
}

var orphan = Register("orphan", func(_ context.Context, how string) (int, error) {
	switch how {
	case "one processor": // nothing else in the worker ever runs again
		runtime.GOMAXPROCS(1)
		debug.SetGCPercent(-1)
	case "descendant":
		fmt.Println(startSleeper())
	}
	fmt.Println(os.Getpid())
	if how == "stopped" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}
	return 0, spinForever()
})

// orphans starts calls that never end, whose processes say who they are.
var _ = helper("orphans", func() {
	pool, err := NewPool(PoolOptions{Workers: 4})
	if err != nil {
		panic(err)
	}
	for _, how := range []string{"spin", "one processor", "stopped", "descendant"} {
		if _, err := orphan.Start(context.Background(), pool, how); err != nil {
			panic(err)
		}
	}
	select {}
})

// TestProgramKilled kills a program with SIGKILL while its workers loop
// without end, have one processor only, are stopped, and have a descendant in
// a session of its own: none of them lives on.
func TestProgramKilled(t *testing.T) {
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), helperEnv(t, "orphans"))
	program.Stderr = os.Stderr
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
		for _, pid := range pids {
			if running(pid) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	for lines := bufio.NewScanner(stdout); len(pids) < 5 && lines.Scan(); {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("the program said %q", lines.Text())
		}
		pids = append(pids, pid)
	}
	if len(pids) < 5 {
		t.Fatal("the program ended early")
	}
	_ = program.Process.Kill()
	for end := time.Now().Add(10 * time.Second); anyRunning(pids); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("processes live on after their program was killed")
		}
	}
}

func anyRunning(pids []int) bool { return slices.ContainsFunc(pids, running) }

// running reports whether a process exists and is no zombie.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
