package cutoff

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// leave starts processes as its input says and returns how many it leaves
// running.
var leave = Register("leave", func(ctx context.Context, how string) (int, error) {
	switch how {
	case "waited":
		return 0, exec.Command("sh", "-c", "sleep 0; true | cat").Run()
	case "nothing":
		return 0, nil
	case "zombie":
		return 0, exec.Command("true").Start() // not waited for; it may still run for a moment
	case "own session":
		startSleeper()
		return 1, nil
	case "panic":
		startSleeper()
		panic("with a child")
	case "command": // of our own kind: it brings a keeper
		r, err := Command{Path: "true"}.Run(ctx)
		if r.Outcome != OK {
			return 0, err
		}
		return 0, nil
	}
	// Double-forked daemons: the shell is waited for, they are not.
	out, err := exec.Command("sh", "-c", how).Output()
	return strings.Count(string(out), "up\n"), err
})

const (
	aDaemon    = `(setsid sh -c 'echo up; exec sleep 1000 >/dev/null 2>&1' &)`
	twoDaemons = `(setsid sh -c 'sleep 1000 >/dev/null 2>&1 & echo up; echo up; exec sleep 1000 >/dev/null 2>&1' &)`
)

// A brood is all that a test's pools and commands start: it has a mark in its
// environment. The pids that a process tells of itself are no use, for they may
// be those of another PID namespace.
type brood struct {
	t    *testing.T
	mark string
}

// newBrood marks what is started from now on; whatever of it lives when the
// test ends is killed.
func newBrood(t *testing.T) brood {
	t.Helper()
	const name = "CUTOFF_TEST_BROOD"
	value := fmt.Sprintf("%d.%d", os.Getpid(), time.Now().UnixNano())
	t.Setenv(name, value)
	b := brood{t, name + "=" + value}
	t.Cleanup(func() {
		for _, pid := range b.living() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return b
}

// living lists the processes of the brood, but for workers and what holds trees.
func (b brood) living() (pids []int) {
	for _, pid := range marked(b.mark) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		ours := func(name string) bool { return bytes.Contains(line, []byte(name)) }
		if !ours("[cutoff worker]") && !ours("tree-init") && !ours("tree-keeper") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone waits until none lives.
func (b brood) gone() {
	b.t.Helper()
	for end := time.Now().Add(bound); len(b.living()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.t.Errorf("processes %v live on", b.living())
			return
		}
	}
}

// TestCallLeaves shows that what a function leaves running is found at the end
// of its own call, and does not outlive it.
func TestCallLeaves(t *testing.T) {
	for _, c := range []struct {
		how  string
		left int
		then fateOf
	}{
		{"nothing", 0, kept},
		{"waited", 0, kept},
		{"zombie", 0, either}, // which may still run for longer than it is given
		{"own session", 1, replaced},
		{aDaemon, 1, replaced},
		{twoDaemons, 2, replaced},
	} {
		t.Run(c.how, func(t *testing.T) {
			b := newBrood(t)
			p := newPool(t, PoolOptions{Workers: 1})
			for range 2 { // the second time the worker has a history
				call, err := leave.Start(ctx(t), p, c.how)
				if err != nil {
					t.Fatal(err)
				}
				left, err := call.Wait()
				r := call.Result()
				if err != nil || r.Outcome != OK || r.Leaked != c.left && c.then != either || left != c.left {
					t.Errorf("%v, %q, leaked %d, want %d (%d)", err, r.Outcome, r.Leaked, c.left, left)
				}
				b.gone()
				pid, err := servedBy(t, p)
				if err != nil || c.then == kept && pid != r.PID || c.then == replaced && pid == r.PID {
					t.Errorf("the next call ran in %d, this one in %d: %v", pid, r.PID, err)
				}
			}
		})
	}
}

// TestKeeperIsNoLeak: a function that runs a Command brings a keeper into its
// worker, for all the calls to come. (Its goroutines may take longer than the
// moment they are given, so one call may count them.)
func TestKeeperIsNoLeak(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 1})
	for range 10 {
		call, err := leave.Start(ctx(t), p, "command")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Wait(); err != nil {
			t.Fatal(err)
		}
		if call.Result().Leaked == 0 {
			return
		}
	}
	t.Error("each of ten calls left something behind")
}

func TestCallLeavesAndPanics(t *testing.T) {
	b := newBrood(t)
	p := newPool(t, PoolOptions{Workers: 1})
	_, err := leave.Call(ctx(t), p, "panic")
	if e := errorAs[*CrashError](t, err); e.Result.Leaked != 1 {
		t.Errorf("leaked %d", e.Result.Leaked)
	}
	b.gone()
}

// startHelper starts what the calls of a worker share.
var startHelper = Register("start helper", func(context.Context, struct{}) (struct{}, error) {
	startSleeper()
	return struct{}{}, nil
})

// TestLeftToTheWorker shows what lives as long as its worker: what Setup
// started, and with LeaveLeftovers what calls did.
func TestLeftToTheWorker(t *testing.T) {
	b := newBrood(t)
	p := newPool(t, PoolOptions{Workers: 1, Setup: startHelper, Leftovers: LeaveLeftovers})
	const calls = 3
	worker := 0
	for range calls {
		call, err := leave.Start(ctx(t), p, aDaemon)
		if err != nil {
			t.Fatal(err)
		}
		left, err := call.Wait()
		r := call.Result()
		if err != nil || r.Leaked != 0 || left != 1 || worker != 0 && r.PID != worker {
			t.Errorf("%v, %d, leaked %d, worker %d after %d", err, left, r.Leaked, r.PID, worker)
		}
		worker = r.PID
	}
	if n := len(b.living()); n != 1+calls {
		t.Errorf("%d processes live as long as the worker, want %d", n, 1+calls)
	}
	p.Close()
	b.gone()
}

// TestSetupHelperIsNoLeak: a call is not told of what was there before it.
func TestSetupHelperIsNoLeak(t *testing.T) {
	b := newBrood(t)
	p := newPool(t, PoolOptions{Workers: 1, Setup: startHelper})
	for _, how := range []string{"nothing", "waited", "nothing"} {
		call, err := leave.Start(ctx(t), p, how)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Wait(); err != nil || call.Result().Leaked != 0 {
			t.Errorf("%s: %v, leaked %d", how, err, call.Result().Leaked)
		}
	}
	if n := len(b.living()); n != 1 {
		t.Errorf("%d processes live, want Setup's", n)
	}
}

// TestCommandLeftovers shows that what is left alone lives on, that it is
// nobody else's affair, and that a cutoff spares nothing.
func TestCommandLeftovers(t *testing.T) {
	// The daemon holds the pulse as its descriptor 3.
	const daemon = `exec 3<&0; echo $(setsid sh -c 'echo up; exec sleep 1000 >/dev/null 2>&1' &); `
	run := func(c Command) (Result, *pulse) {
		p := newPulse(t)
		c.Stdin = p.w
		r, _ := within(t, bound, c)
		if r.Output != "up\n" {
			t.Errorf("the daemon is not up: %q", r.Output)
		}
		return r, p
	}
	b := newBrood(t)
	stay := sh(daemon + "exit 3")
	stay.Leftovers = LeaveLeftovers
	r, _ := run(stay)
	left := b.living()
	defer func() {
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		b.gone()
		_, _ = sh("true").Run(context.Background()) // a program that has adopted it reaps it here
	}()
	if r.Outcome != Failed || r.Leaked != 0 || len(left) != 1 {
		t.Errorf("left alone: %q, leaked %d, alive %v", r.Outcome, r.Leaked, left)
	}
	// Other trees of the program end as ever, and so do those of a command that
	// did not end by itself.
	cut, crash := sh(daemon+"sleep 1000"), sh(daemon+"kill -SEGV $$")
	cut.Leftovers, cut.Limits.Timeout = LeaveLeftovers, time.Second
	crash.Leftovers = LeaveLeftovers
	for _, c := range []struct {
		cmd  Command
		want Outcome
		left int
	}{
		{sh(daemon + "exit 3"), Failed, 1},
		{cut, Timeout, 0},
		{crash, Crashed, 1},
	} {
		r, p := run(c.cmd)
		if r.Outcome != c.want || r.Leaked != c.left {
			t.Errorf("%q, leaked %d; want %q, %d", r.Outcome, r.Leaked, c.want, c.left)
		}
		p.gone()
	}
	if now := b.living(); !slices.Equal(now, left) {
		t.Errorf("left alone: %v; after the end of others: %v", left, now)
	}
}
