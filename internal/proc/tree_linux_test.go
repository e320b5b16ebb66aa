package proc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// end kills the tree and sees that nothing is left.
func (tr *trial) end() {
	tr.t.Helper()
	tr.tree.Kill()
	tr.ended()
	if _, err := tr.tree.Close(); err != nil {
		tr.t.Error(err)
	}
	tr.gone()
	tr.clean()
}

// read reads n bytes that members wrote.
func (tr *trial) read(n int) string {
	tr.t.Helper()
	b := make([]byte, n)
	_ = tr.r.SetReadDeadline(time.Now().Add(bound))
	if got, err := io.ReadFull(tr.r, b); err != nil {
		tr.t.Fatalf("read %q, then %v", b[:got], err)
	}
	return string(b)
}

func TestStatus(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		for script, want := range map[string]Status{
			"exit 0":                         {},
			"exit 3":                         {ExitCode: 3},
			"kill -TERM $$":                  {ExitCode: -1, Signal: syscall.SIGTERM},
			"kill -KILL $$":                  {ExitCode: -1, Signal: syscall.SIGKILL},
			"ulimit -c 0; exec kill -SEGV 0": {ExitCode: -1, Signal: syscall.SIGSEGV},
		} {
			tr := shell(t, start, script)
			st := tr.ended()
			if st.ExitCode != want.ExitCode || st.Signal != want.Signal {
				t.Errorf("%q: %v, want %v", script, st, want)
			}
			if st.MaxRSS < 100<<10 || st.User+st.System <= 0 || time.Since(st.Ended) > bound || st.Ended.IsZero() {
				t.Errorf("%q: not measured: %+v", script, st)
			}
			if leaked, err := tr.tree.Close(); leaked != 0 || err != nil {
				t.Errorf("%q: leaked %d, %v", script, leaked, err)
			}
			tr.gone()
			tr.clean()
		}
	})
}

// TestStatusLost: somebody else has reaped the leader. That is no success.
func TestStatusLost(t *testing.T) {
	tree := newTree(1<<30, nil)
	ends.come() // as its watch would have
	tree.finish(-1, 0, syscall.Rusage{})
	if st := tree.Status(); st.ExitCode != -1 || st.Signal != 0 {
		t.Errorf("%+v", st)
	}
}

// TestOver: an end is seen before anybody has noticed it.
func TestOver(t *testing.T) {
	cmd := exec.Command("sh", "-c", "read x")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	tree := newTree(cmd.Process.Pid, nil) // which nobody watches
	if tree.Over() {
		t.Error("a leader that lives is over")
	}
	in.Close()
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Waitid(unix.P_PID, tree.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	if err != nil || !tree.Over() {
		t.Errorf("a leader that has ended is not over (%v)", err)
	}
	if _, ended := tree.Ending(); ended {
		t.Error("its end is told before it is reaped")
	}
	_ = cmd.Wait() // it has failed to read
}

// A leader that stops itself under ptrace lives: its parent, which it has made
// its tracer, is told of the stop in place of an end.
func TestOverTraced(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		tr := shell(t, start, `CUTOFF_PROC_TEST_HELPER=traced exec /proc/self/fd/4`)
		tr.ready(1)
		for end := time.Now().Add(bound); ; time.Sleep(time.Millisecond) {
			st, ok := readStat(tr.tree.pid)
			if ok && st.state == 't' {
				break
			}
			if !ok || time.Now().After(end) {
				t.Fatalf("the leader is in state %c", st.state)
			}
		}
		if tr.tree.reap(nil) || tr.tree.Over() { // as if woken for nothing
			t.Error("a leader that is traced is over")
		}
		tr.tree.Kill()
		if st := tr.ended(); st.Signal != syscall.SIGKILL {
			t.Errorf("it ended with %v", st)
		}
	})
}

func TestStopIsPolite(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		// Stopped leaders must hear it too.
		tr := shell(t, start, `trap 'exit 7' TERM; echo >&3; kill -STOP $$; sleep 60 & wait`)
		tr.ready(1)
		tr.tree.Stop(syscall.SIGTERM, bound)
		if st := tr.ended(); st.ExitCode != 7 {
			t.Errorf("it ended with %v, want its own exit", st)
		}
		tr.end()
	})
}

func TestStopKillsAfterGrace(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		tr := shell(t, start, `trap 'echo >&3' TERM; echo >&3; while :; do sleep 60 & wait; done`)
		tr.ready(1)
		tr.tree.Stop(syscall.SIGTERM, 50*time.Millisecond)
		if st := tr.ended(); st.Signal != syscall.SIGKILL {
			t.Errorf("it ended with %v", st)
		}
		tr.ready(1) // it had been asked
		tr.end()
	})
}

// TestStopCutShort kills during a long grace.
func TestStopCutShort(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		tr := shell(t, start, `trap 'echo >&3' TERM; echo >&3; while :; do sleep 60 & wait; done`)
		tr.ready(1)
		var wg sync.WaitGroup
		wg.Go(func() { tr.tree.Stop(syscall.SIGTERM, time.Hour) })
		tr.ready(1) // the ladder's first step is taken
		tr.tree.Stop(nil, 0)
		wg.Wait()
		if st := tr.ended(); st.Signal != syscall.SIGKILL {
			t.Errorf("it ended with %v", st)
		}
		tr.end()
	})
}

// TestSignalOnce sends a signal to a tree of which every member counts it:
// some programs take the second for an order to hurry.
func TestSignalOnce(t *testing.T) {
	const script = `
		count() { trap 'printf x >&3' USR1; trap 'printf y >&3; exit' USR2; printf r >&3; while :; do sleep 60 & wait; done; }
		trap '' USR1 USR2  # for the sleeps
		export S='count() { trap "printf x >&3" USR1; trap "printf y >&3; exit" USR2; printf r >&3; while :; do read l <&4; done; }; count'
		mkfifo $D/f; exec 4<>$D/f
		trap - USR1 USR2
		sh -c "$S" & (setsid sh -c "$S" &) ; exec sh -c "$S"`
	eachLevel(t, func(t *testing.T, start starter) {
		t.Setenv("D", t.TempDir())
		tr := shell(t, start, script)
		if got := tr.read(3); got != "rrr" {
			t.Fatalf("got %q", got)
		}
		if err := tr.tree.Signal(unix.SIGUSR1); err != nil {
			t.Error(err)
		}
		if got := tr.read(3); got != "xxx" {
			t.Errorf("got %q", got)
		}
		if err := tr.tree.Signal(unix.SIGUSR2); err != nil { // what was sent before is counted before
			t.Error(err)
		}
		if got := tr.read(3); got != "yyy" {
			t.Errorf("after each had the signal once and was told to end: %q", got)
		}
		tr.end()
	})
}

// TestForeground keeps the group: nothing may be sent to it as a whole.
func TestForeground(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		tr := shell(t, func(s Spec) (*Tree, error) { s.Foreground = true; return start(s) },
			`(setsid sh -c 'echo >&3; exec sleep 60' &) ; (echo >&3; exec sleep 60) & echo >&3; wait`)
		tr.ready(3)
		st, ok := readStat(tr.tree.PID())
		if !ok || st.pgrp != unix.Getpgrp() {
			t.Errorf("its group is %d, ours %d", st.pgrp, unix.Getpgrp())
		}
		if err := tr.tree.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		tr.end() // and we are still here
	})
}

func TestOnStop(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		stops := make(chan syscall.Signal, 8)
		tr := shell(t, func(s Spec) (*Tree, error) {
			s.OnStop = func(sig syscall.Signal) { stops <- sig }
			return start(s)
		}, `trap 'exit 5' TERM; kill -TSTP $$; while :; do sleep 60 & wait; done`)
		for _, want := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGCONT} {
			select {
			case got := <-stops:
				if got != want {
					t.Errorf("told %v, want %v", got, want)
				}
			case <-time.After(bound):
				t.Fatalf("not told of %v", want)
			}
			if err := tr.tree.Signal(syscall.SIGCONT); err != nil {
				t.Error(err)
			}
		}
		tr.tree.Stop(syscall.SIGTERM, bound)
		if st := tr.ended(); st.ExitCode != 5 {
			t.Errorf("it ended with %v", st)
		}
		tr.end()
	})
}

// TestDescriptors: of what this program has open, a child gets what it was
// given and nothing else.
func TestDescriptors(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		other := shell(t, start, `echo >&3; exec sleep 60`) // its descriptors are the danger
		other.ready(1)
		tr := shell(t, start, `exec 1>&3 2>/dev/null; cd /proc/self/fd; for f in *; do [ $f -lt 5 ] || readlink $f; done; echo end`)
		var got strings.Builder
		for !strings.HasSuffix(got.String(), "end\n") {
			got.WriteString(tr.read(1))
		}
		inherited := map[string]bool{"end": true}
		ents, _ := os.ReadDir("/proc/self/fd")
		for _, e := range ents {
			fd, _ := strconv.Atoi(e.Name())
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
				to, _ := os.Readlink("/proc/self/fd/" + e.Name())
				inherited[to] = true
			}
		}
		for _, to := range strings.Fields(got.String()) {
			if !inherited[to] {
				t.Errorf("the child has %s", to)
			}
		}
		tr.ended()
		tr.end()
		other.end()
	})
}

// TestOthersAreLeftAlone: another tree, a child of os/exec, its orphan and the
// waiting for it.
func TestOthersAreLeftAlone(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		tree := shell(t, start, `(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`)
		tree.ready(2)
		other := shell(t, start, `(env -i setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`)
		other.ready(2)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		foreign := &trial{t: t, r: r, w: w}
		t.Cleanup(foreign.cleanup)
		cmd := exec.Command("sh", "-c", `(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; read l; exit 9`)
		cmd.ExtraFiles = []*os.File{w}
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		foreign.ready(2)

		tree.end()
		if n := len(other.holders()); n != 2 {
			t.Errorf("%d members of the other tree live, want 2", n)
		}
		if n := len(foreign.holders()); n != 2 {
			t.Errorf("%d of os/exec's processes live, want 2", n)
		}
		stdin.Close()
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 9 {
			t.Errorf("os/exec's child: %v", err)
		}
		other.end()
		if n := len(foreign.holders()); n != 1 {
			t.Errorf("%d of os/exec's orphans live, want 1", n)
		}
		for _, pid := range foreign.holders() { // it may be our child now
			_ = unix.Kill(pid, unix.SIGKILL)
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		}
	})
}

// TestManyAtOnce starts, kills and closes trees from many goroutines.
func TestManyAtOnce(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		var wg sync.WaitGroup
		for range 16 {
			tr := shell(t, start, `(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`)
			wg.Go(func() {
				tr.ready(2)
				wg.Go(tr.tree.Kill)
				tr.tree.Stop(syscall.SIGTERM, time.Millisecond)
				if _, err := tr.tree.Close(); err != nil {
					t.Error(err)
				}
				tr.gone()
			})
		}
		wg.Wait()
	})
}

func TestUseAfterClose(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		tr := shell(t, start, `exit 0`)
		tr.ended()
		tr.end()
		tr.tree.Kill()
		tr.tree.Stop(syscall.SIGTERM, time.Hour)
		if err := tr.tree.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if n, err := tr.tree.Close(); n != 0 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	plain := dir + "/plain"
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	eachLevel(t, func(t *testing.T, start starter) {
		for _, c := range []struct {
			spec Spec
			op   string
			want error
		}{
			{Spec{Path: dir + "/none"}, "fork/exec", fs.ErrNotExist},
			{Spec{Path: plain}, "fork/exec", fs.ErrPermission},
			{Spec{Path: dir}, "fork/exec", fs.ErrPermission},
			{Spec{Path: "/bin/sh", Dir: dir + "/none"}, "chdir", fs.ErrNotExist},
			{Spec{Path: "/bin/sh", Dir: plain}, "chdir", syscall.ENOTDIR},
		} {
			c.spec.Args = []string{"x"}
			_, err := start(c.spec)
			var pe *os.PathError
			if !errors.Is(err, c.want) || !errors.As(err, &pe) || pe.Op != c.op {
				t.Errorf("%+v: %v", c.spec, err)
			}
		}
		if c, err := cgroups(); err == nil {
			eventually(t, "a start that failed leaves no cgroup", func() bool { // those of trees before go a moment later
				ents, err := os.ReadDir(c.dir)
				return err == nil && !hasDir(ents)
			})
		}
	})
}

func hasDir(ents []os.DirEntry) bool {
	for _, e := range ents {
		if e.IsDir() {
			return true
		}
	}
	return false
}

// TestNoLevelForOneTree: a step fails for one tree, and the next level has it,
// unless it asks for its level.
func TestNoLevelForOneTree(t *testing.T) {
	broken := &cgroupParent{dir: "/proc/self/no-such-cgroup"}
	_, err := broken.start(Spec{Path: "/bin/sh", Args: []string{"sh"}})
	if !isNoLevel(err) {
		t.Fatalf("got %v", err)
	}
	tried := 0
	tr := shell(t, func(s Spec) (*Tree, error) {
		return startFirst(s, func(s Spec) (*Tree, error) { tried++; return nil, err }, startSwept)
	}, `echo >&3; exec sleep 60`)
	tr.ready(1)
	if l := tr.tree.Level(); l != Sweep || tried != 1 {
		t.Errorf("it is held by %q, after %d tries", l, tried)
	}
	tr.end()
}

// TestSubreaperOnlyWhileNeeded: the program adopts other people's orphans no
// longer than it must.
func TestSubreaperOnlyWhileNeeded(t *testing.T) {
	is := func() bool {
		v, err := getSubreaper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if is() {
		t.Error("a subreaper without a tree")
	}
	tr := shell(t, startSwept, `echo >&3; exec sleep 60`)
	tr.ready(1)
	if !is() {
		t.Error("no subreaper with a tree")
	}
	tr.end()
	if is() {
		t.Error("still a subreaper")
	}
}

// TestAdoptedAreReaped: a program that adopts orphans for another reason (as
// the init process of a container does) keeps no dead ones of a tree.
func TestAdoptedAreReaped(t *testing.T) {
	c, err := cgroups()
	if err != nil {
		t.Skip("no cgroup to be had:", err)
	}
	if err := reaper.acquire(); err != nil {
		t.Fatal(err)
	}
	defer reaper.release()
	tr := shell(t, c.start, `(sh -c 'echo >&3' &); (setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`)
	tr.ready(3)
	tr.end()
}

// TestManyEndAtOnce: trees that end together leave no dead child either, though
// each end sees the dead leaders of the others first.
func TestManyEndAtOnce(t *testing.T) {
	helpersUsed["sibling"] = true
	eachLevel(t, func(t *testing.T, start starter) {
		var all []*trial
		for range 20 {
			all = append(all, shell(t, start, `CUTOFF_PROC_TEST_HELPER=sibling exec /proc/self/fd/4`))
		}
		var ends sync.WaitGroup
		for _, tr := range all {
			tr.ready(1)
		}
		for _, tr := range all {
			tr.tree.Kill()
		}
		for _, tr := range all {
			ends.Go(func() {
				if _, err := tr.tree.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		ends.Wait()
		for _, tr := range all {
			tr.gone()
			tr.clean()
		}
		if n := len(awaited.pids); n > 0 {
			t.Errorf("%d are awaited still", n)
		}
	})
}

func TestParseStat(t *testing.T) {
	line := `12 (a) b ) (c)) S 7 8 9 34816 8 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 1`
	st, ok := parseStat(12, []byte(line))
	if want := (stat{12, 7, 8, 9, 'S', 1, 4711, 5 + 6}); !ok || st != want {
		t.Errorf("%+v, %v; want %+v", st, ok, want)
	}
	for _, bad := range []string{"", "12 (x", "12 (x) S 1 2", fmt.Sprintf("12 (x) S %s", strings.Repeat("x ", 25))} {
		if st, ok := parseStat(12, []byte(bad)); ok {
			t.Errorf("%q: %+v", bad, st)
		}
	}
}

// TestSignalsAreInherited: a leader blocks and ignores the signals that this
// program does, whatever stood between the two.
func TestSignalsAreInherited(t *testing.T) {
	own := func(pid int) (sets []string) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "SigBlk:") || strings.HasPrefix(line, "SigIgn:") {
				sets = append(sets, line)
			}
		}
		return sets
	}
	eachLevel(t, func(t *testing.T, start starter) {
		defer func() { // Reset does not end an Ignore
			c := make(chan os.Signal, 1)
			signal.Notify(c, unix.SIGUSR2)
			signal.Stop(c)
		}()
		for _, ignored := range []os.Signal{nil, unix.SIGUSR2} {
			if ignored != nil {
				signal.Ignore(ignored)
			}
			tr := shell(t, start, `echo >&3; exec sleep 60`)
			tr.ready(1)
			eventually(t, "the leader is the sleep", func() bool {
				b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", tr.tree.PID()))
				return string(b) == "sleep\n"
			})
			if got, want := own(tr.tree.PID()), own(os.Getpid()); !slices.Equal(got, want) {
				t.Errorf("with %v ignored: %q, here %q", ignored, got, want)
			}
			tr.end()
		}
	})
}

// TestStrangerDied: a dead child that nobody waits for is found, at every end
// where few are waited for, and among many at some.
func TestStrangerDied(t *testing.T) {
	stranger := exec.Command("true")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Wait() }()
	if err := unix.Waitid(unix.P_PID, stranger.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	var a awaitedChildren
	if !a.strangerDied() {
		t.Error("not found where nobody is waited for")
	}
	const many = 10 * askedOver
	for i := range many {
		a.add(1<<30 + i)
	}
	found := 0
	for i := range many {
		a.remove(1<<30 + i)
		if a.strangerDied() {
			found++
		}
		if i == many/2 && (found == 0 || found > i/2) {
			t.Errorf("found at %d of %d ends", found, i)
		}
	}
	if found < askedOver || !a.strangerDied() {
		t.Errorf("found at %d ends, but not at the last ones", found)
	}
}
