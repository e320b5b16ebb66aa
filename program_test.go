//go:build unix

package cutoff

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
