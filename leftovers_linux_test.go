package cutoff

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// leave starts processes as its input says and returns the pids of those that
// it leaves running.
var leave = Register("leave", func(ctx context.Context, how string) ([]int, error) {
	switch how {
	case "waited":
		return nil, exec.Command("sh", "-c", "sleep 0; true | cat").Run()
	case "nothing":
		return nil, nil
	case "zombie":
		c := exec.Command("true")
		err := c.Start()
		return nil, err // not waited for; it may still run for a moment
	case "own session":
		return []int{startSleeper()}, nil
	case "panic":
		fmt.Println(startSleeper())
		panic("with a child")
	case "command": // of our own kind: it brings a keeper
		r, err := Command{Path: "true"}.Run(ctx)
		if r.Outcome != OK {
			return nil, err
		}
		return nil, nil
	}
	// Double-forked daemons: the shell is waited for, they are not.
	out, err := exec.Command("sh", "-c", how).Output()
	var pids []int
	for f := range strings.FieldsSeq(string(out)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, err
})

const (
	aDaemon    = `(setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1' &)`
	twoDaemons = `(setsid sh -c 'sleep 1000 >/dev/null 2>&1 & echo $$ $!; exec sleep 1000 >/dev/null 2>&1' &)`
)

// goneAll waits until the processes are dead.
func goneAll(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		for end := time.Now().Add(bound); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("process %d lives on", pid)
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
		}
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
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
			p := newPool(t, PoolOptions{Workers: 1})
			for range 2 { // the second time the worker has a history
				call, err := leave.Start(ctx(t), p, c.how)
				if err != nil {
					t.Fatal(err)
				}
				pids, err := call.Wait()
				r := call.Result()
				if err != nil || r.Outcome != OK || r.Leaked != c.left && c.then != either || len(pids) != c.left {
					t.Errorf("%v, %q, leaked %d, want %d (%v)", err, r.Outcome, r.Leaked, c.left, pids)
				}
				goneAll(t, pids...)
				pid, err := workerID.Call(ctx(t), p, struct{}{})
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
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p := newPool(t, PoolOptions{Workers: 1, Stdout: w})
	_, err = leave.Call(ctx(t), p, "panic")
	if e := errorAs[*CrashError](t, err); e.Result.Leaked != 1 {
		t.Errorf("leaked %d", e.Result.Leaked)
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	pid, err2 := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	goneAll(t, pid)
}

// startHelper starts what the calls of a worker share.
var startHelper = Register("start helper", func(context.Context, struct{}) (struct{}, error) {
	fmt.Println(startSleeper())
	return struct{}{}, nil
})

// TestLeftToTheWorker shows what lives as long as its worker: what Setup
// started, and with LeaveLeftovers what calls did.
func TestLeftToTheWorker(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p := newPool(t, PoolOptions{Workers: 1, Setup: startHelper, Leftovers: LeaveLeftovers, Stdout: w})
	line, err := bufio.NewReader(r).ReadString('\n')
	helper, err2 := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	all := []int{helper}
	worker := 0
	for range 3 {
		call, err := leave.Start(ctx(t), p, aDaemon)
		if err != nil {
			t.Fatal(err)
		}
		pids, err := call.Wait()
		r := call.Result()
		if err != nil || r.Leaked != 0 || len(pids) != 1 || worker != 0 && r.PID != worker {
			t.Errorf("%v, %v, leaked %d, worker %d after %d", err, pids, r.Leaked, r.PID, worker)
		}
		worker = r.PID
		all = append(all, pids...)
	}
	for _, pid := range all {
		if !alive(pid) {
			t.Errorf("process %d has ended before its worker", pid)
		}
	}
	p.Close()
	goneAll(t, all...)
}

// TestSetupHelperIsNoLeak: a call is not told of what was there before it.
func TestSetupHelperIsNoLeak(t *testing.T) {
	silent, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := newPool(t, PoolOptions{Workers: 1, Setup: startHelper, Stdout: silent})
	for _, how := range []string{"nothing", "waited", "nothing"} {
		call, err := leave.Start(ctx(t), p, how)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Wait(); err != nil || call.Result().Leaked != 0 {
			t.Errorf("%s: %v, leaked %d", how, err, call.Result().Leaked)
		}
	}
}

// TestCommandLeftovers shows that what is left alone lives on, that it is
// nobody else's affair, and that a cutoff spares nothing.
func TestCommandLeftovers(t *testing.T) {
	// The daemon holds the pulse as its descriptor 3. Its pid may be one of
	// another namespace, except where it lives on.
	const daemon = `exec 3<&0; echo $(setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1' &); `
	run := func(c Command) (Result, *pulse, int) {
		p := newPulse(t)
		var out strings.Builder
		c.Stdin, c.Stdout = p.w, &out
		r, _ := within(t, bound, c)
		pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
		if err != nil {
			t.Fatalf("%q: %v", out.String(), err)
		}
		return r, p, pid
	}
	stay := sh(daemon + "exit 3")
	stay.Leftovers = LeaveLeftovers
	r, _, left := run(stay)
	defer func() {
		_ = syscall.Kill(left, syscall.SIGKILL)
		goneAll(t, left)
		_, _ = sh("true").Run(context.Background()) // a program that has adopted it reaps it here
	}()
	if r.Outcome != Failed || r.Leaked != 0 || !alive(left) {
		t.Errorf("left alone: %q, leaked %d, alive %v", r.Outcome, r.Leaked, alive(left))
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
		r, p, _ := run(c.cmd)
		if r.Outcome != c.want || r.Leaked != c.left {
			t.Errorf("%q, leaked %d; want %q, %d", r.Outcome, r.Leaked, c.want, c.left)
		}
		p.gone()
	}
	if !alive(left) {
		t.Error("what was left alone has been ended with something else")
	}
}
