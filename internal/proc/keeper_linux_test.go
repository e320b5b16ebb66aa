package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The helper "program" is a program with trees. It takes orders from its
// standard input and answers on its standard output, a line each; the scripts
// it runs have its descriptor 3.
var _ = helper("program", func() {
	fmt.Println(Containment(), cgroupDir())
	tell := os.NewFile(3, "test's pipe")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		order, script, _ := strings.Cut(lines.Text(), " ")
		switch order {
		case "start":
			exe, _ := os.Open(selfPath)
			t, err := Start(Spec{
				Path: "/bin/sh", Args: []string{"sh", "-c", strings.ReplaceAll(script, "\x01", "\n")},
				Env: os.Environ(), Files: []*os.File{nil, nil, nil, tell, exe},
			})
			exe.Close()
			if err == nil {
				err = KeeperError()
			}
			if err != nil {
				fmt.Println("error", err)
				continue
			}
			fmt.Println(t.Level(), guard(t))
		case "exit":
			os.Exit(0)
		}
	}
})

// guard is the process that ends the tree when the program is gone.
func guard(t *Tree) int {
	if h, ok := t.hold.(*pidnsHold); ok {
		return h.init
	}
	return keeper.processID()
}

func cgroupDir() string {
	if Containment() != Cgroup {
		return ""
	}
	c, err := cgroups()
	if err != nil {
		return ""
	}
	return c.dir
}

// host is a running helper "program".
type host struct {
	*trial
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	dir    string // of its cgroup
	keeper int    // or the tree's init: see guard
	killed time.Time
}

// startProgram starts one that must have the level. as, if not nil, changes how
// it is started.
func startProgram(t *testing.T, level Level, as func(*exec.Cmd)) *host {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &host{trial: &trial{t: t, r: r, w: w}}
	t.Cleanup(p.cleanup)
	p.cmd = exec.Command("/proc/self/exe")
	p.cmd.Env = helperEnv(t, "program", containmentVar+"="+string(level))
	p.cmd.Stderr = os.Stderr
	p.cmd.ExtraFiles = []*os.File{w}
	if as != nil {
		as(p.cmd)
	}
	p.in, err = p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.kill()
		}
	})
	got, dir, _ := strings.Cut(p.answer(), " ")
	if p.dir = dir; Level(got) != level {
		t.Fatalf("the program has level %q, want %q", got, level)
	}
	return p
}

func (p *host) answer() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the program does not answer: %v", p.out.Err())
	}
	return p.out.Text()
}

// start has the program start a script and waits until ready processes are up.
func (p *host) start(script string, ready int) {
	p.t.Helper()
	_, _ = fmt.Fprintln(p.in, "start", strings.ReplaceAll(script, "\n", "\x01"))
	level, pid, _ := strings.Cut(p.answer(), " ")
	var err error
	if p.keeper, err = strconv.Atoi(pid); err != nil || level == "error" || p.keeper <= 1 {
		p.t.Fatalf("%s %s", level, pid)
	}
	p.ready(ready)
}

// kill kills the program by SIGKILL.
func (p *host) kill() {
	p.killed = time.Now()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// killWithKeeper kills the program and its keeper, or the tree's init: the
// program is stopped, lest it starts another one.
func (p *host) killWithKeeper() {
	p.t.Helper()
	stop(p.t, p.cmd.Process.Pid)
	if err := unix.Kill(p.keeper, unix.SIGKILL); err != nil {
		p.t.Error(err)
	}
	p.kill()
}

// gone waits for the pipe's end: nobody tells when the keeper is done. How long
// it takes, "cutoff doctor" measures: on a busy machine a test cannot.
func (p *host) gone() {
	p.t.Helper()
	p.w.Close()
	_ = p.r.SetReadDeadline(time.Now().Add(bound))
	if _, err := io.Copy(io.Discard, p.r); err != nil {
		p.t.Errorf("alive %v after the program's death: %v", bound, p.holders())
	}
	if p.dir != "" {
		eventually(p.t, "the cgroup is removed", func() bool {
			_, err := os.Stat(p.dir)
			return errors.Is(err, os.ErrNotExist)
		})
	}
	eventually(p.t, "the keeper ends", func() bool { return !isKeeper(p.keeper) })
}

// eventually waits for what nothing announces.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(bound); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("not within %v: %s", bound, what)
			return
		}
	}
}

// isKeeper reports whether the process is a keeper or a namespace's init. An
// init that is dead already may be seen until everybody who was in its
// namespace is reaped, by whoever is their parent now.
func isKeeper(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	st, ok := readStat(pid)
	dying := len(b) == 0 && string(comm) != initName+"\n"
	return ok && !st.dead() && (dying || string(b) == keeperName+"\x00" || strings.HasPrefix(string(b), initName+"\x00"))
}

// programLevels are the levels a helper program can have here.
func programLevels() []Level {
	var levels []Level
	for _, l := range known {
		if available(l) == nil {
			levels = append(levels, l)
		}
	}
	return levels
}

func TestProgramKilled(t *testing.T) {
	for _, level := range programLevels() {
		for _, h := range hostile {
			t.Run(fmt.Sprint(level, "/", h.name), func(t *testing.T) {
				p := startProgram(t, level, nil)
				p.start(h.script, h.ready)
				p.kill()
				p.gone()
			})
		}
		t.Run(fmt.Sprint(level, "/many trees"), func(t *testing.T) {
			p := startProgram(t, level, nil)
			for _, h := range hostile[:8] {
				p.start(h.script, h.ready)
			}
			p.kill()
			p.gone()
		})
	}
}

// TestProgramKilledAtOnce kills while trees are being started.
func TestProgramKilledAtOnce(t *testing.T) {
	for _, level := range programLevels() {
		t.Run(string(level), func(t *testing.T) {
			for range 10 {
				p := startProgram(t, level, nil)
				for range 8 {
					_, _ = fmt.Fprintln(p.in, "start (setsid sleep 60 &) ; echo >&3; exec sleep 60")
				}
				p.ready(1)
				p.kill()
				p.gone()
			}
		})
	}
}

func TestProgramExits(t *testing.T) {
	for _, level := range programLevels() {
		t.Run(string(level), func(t *testing.T) {
			p := startProgram(t, level, nil)
			p.start(`(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`, 2)
			_, _ = fmt.Fprintln(p.in, "exit")
			if err := p.cmd.Wait(); err != nil {
				t.Error(err)
			}
			p.gone()
		})
	}
}

// TestKeeperStays: signals that a terminal or a service manager sends to all
// do not end the keeper, or a namespace's init, before the program, and it is
// out of the program's session.
func TestKeeperStays(t *testing.T) {
	for _, level := range programLevels() {
		t.Run(string(level), func(t *testing.T) {
			p := startProgram(t, level, nil)
			p.start(`echo >&3; exec sleep 60`, 1)
			if level != PIDNS { // the init blocks all signals, from before it is there
				eventually(t, "the keeper is up", func() bool { return ignores(p.keeper, unix.SIGTERM) })
			}
			for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGTSTP, unix.SIGPIPE} {
				if err := unix.Kill(p.keeper, sig); err != nil {
					t.Error(err)
				}
			}
			if st, ok := readStat(p.keeper); !ok || st.dead() || st.session != p.keeper {
				t.Errorf("the keeper is %+v", st)
			}
			p.kill()
			p.gone()
		})
	}
}

// ignores reports whether a process ignores the signal.
func ignores(pid int, sig syscall.Signal) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, mask, _ := strings.Cut(string(b), "\nSigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	v, _ := strconv.ParseUint(mask, 16, 64)
	return v&(1<<(sig-1)) != 0
}

// TestKeeperIsReplaced: a new keeper comes at once, and not with the next tree.
func TestKeeperIsReplaced(t *testing.T) {
	for _, level := range programLevels() {
		if level == PIDNS {
			continue // it needs no keeper
		}
		t.Run(string(level), func(t *testing.T) {
			p := startProgram(t, level, nil)
			p.start(`(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`, 2)
			first := p.keeper
			if err := unix.Kill(first, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "there is a new keeper", func() bool {
				for _, kid := range childrenOf(p.cmd.Process.Pid) {
					if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", kid)); kid != first && string(b) == keeperName+"\x00" {
						p.keeper = kid
					}
				}
				return p.keeper != first
			})
			p.start(`echo >&3; exec sleep 60`, 1) // it knows of this one too
			p.kill()
			p.gone()
		})
	}
}

// TestKeeperStopped: who stops the keeper, or an init, stops it until the
// program is gone and no longer.
func TestKeeperStopped(t *testing.T) {
	for _, level := range programLevels() {
		t.Run(string(level), func(t *testing.T) {
			p := startProgram(t, level, nil)
			p.start(`(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`, 2)
			stop(t, p.keeper)
			t.Cleanup(func() {
				if t.Failed() && isKeeper(p.keeper) {
					_ = unix.Kill(p.keeper, unix.SIGKILL)
				}
			})
			p.kill()
			p.gone()
		})
	}
}

// TestKeeperKilledToo: what lives on if the program and its keeper are killed
// together, as the page on containment has it. At the level of cgroups any other
// program may end it at once: see TestAbandonedCgroups.
func TestKeeperKilledToo(t *testing.T) {
	for _, level := range programLevels() {
		if level == Cgroup {
			continue
		}
		t.Run(string(level), func(t *testing.T) {
			p := startProgram(t, level, nil)
			p.start(`(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`, 2)
			p.killWithKeeper()
			if level == PIDNS { // the keeper was the tree's init
				p.gone()
				return
			}
			if n := len(p.holders()); n != 2 {
				t.Errorf("%d processes outlived the program and its keeper, 2 are told of", n)
			}
		})
	}
}

// stop stops a process and sees that it stands still.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is stopped", func() bool {
		st, ok := readStat(pid)
		return !ok || st.state == 'T'
	})
}

// TestInitKilled: who kills a namespace's init ends the tree, and no more.
func TestInitKilled(t *testing.T) {
	if err := available(PIDNS); err != nil {
		t.Skip("it cannot be had here:", err)
	}
	tr := shell(t, func(s Spec) (*Tree, error) { s.Level = PIDNS; return Start(s) },
		`(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`)
	tr.ready(2)
	if err := unix.Kill(guard(tr.tree), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if st := tr.ended(); st.Signal != unix.SIGKILL {
		t.Errorf("the leader ended with %v", st)
	}
	tr.end()
}

// TestKeeperHoldsNothing: who waits for the end of a descriptor that the
// program inherited must not wait for the keeper.
func TestKeeperHoldsNothing(t *testing.T) {
	p := startProgram(t, Sweep, nil)
	p.start(`echo >&3`, 1)
	eventually(t, "the keeper lets go", func() bool { return !slices.Contains(p.holders(), p.keeper) && ignores(p.keeper, unix.SIGTERM) })
	ents, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.keeper))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the keeper holds what it needs only", func() bool {
		ents, err = os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.keeper))
		for _, e := range ents {
			to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", p.keeper, e.Name()))
			fd, _ := strconv.Atoi(e.Name())
			if fd > keeperLock && !strings.HasPrefix(to, "anon_inode:") {
				return false
			}
		}
		return err == nil
	})
	p.kill()
	p.gone()
}

// TestAbandonedCgroups: what a program left that was killed together with its
// keeper goes with the next program; a living program's stays.
func TestAbandonedCgroups(t *testing.T) {
	if err := available(Cgroup); err != nil {
		t.Skip("no cgroup to be had:", err)
	}
	alive := startProgram(t, Cgroup, nil)
	alive.start(`echo >&3; exec sleep 60`, 1)
	dead := startProgram(t, Cgroup, nil)
	dead.start(`mkdir `+path.Join(dead.dir, "t1", "below")+`; (setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`, 2)
	dead.killWithKeeper()
	if n := len(dead.holders()); n != 2 {
		t.Fatalf("%d processes outlived the program and its keeper, want 2: the test is void", n)
	}
	next := startProgram(t, Cgroup, nil)
	if _, err := os.Stat(dead.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the abandoned cgroup %s is still there", dead.dir)
	}
	dead.gone()
	if n := len(alive.holders()); n < 2 { // the program and its child
		t.Errorf("a living program's processes were killed: %d left", n)
	}
	for _, p := range []*host{next, alive} {
		p.kill()
	}
	alive.gone()
}

// TestDelegatedCgroup: an ordinary user to whom a cgroup is given has the
// strongest level.
func TestDelegatedCgroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give somebody a cgroup")
	}
	if err := available(Cgroup); err != nil {
		t.Skip("no cgroup to be had:", err)
	}
	base, err := currentCgroup()
	if err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	dir := path.Join(base, fmt.Sprintf("delegated-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeCgroup(dir); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		if err := os.Chown(path.Join(dir, name), nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := startProgram(t, Cgroup, func(cmd *exec.Cmd) {
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
			UseCgroupFD: true, CgroupFD: int(f.Fd()),
		}
	})
	if path.Dir(p.dir) != dir {
		t.Errorf("the program's cgroup is %s, not below %s", p.dir, dir)
	}
	p.start(`(env -i /usr/bin/setsid /bin/sh -c 'echo >&3; exec /bin/sleep 60' &); echo >&3; exec sleep 60`, 2)
	p.kill()
	p.gone()
}

func TestForcedLevel(t *testing.T) {
	for _, level := range []string{"nonsense", string(Job), "Cgroup", "cgroup,sweep"} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = helperEnv(t, "program", containmentVar+"="+level)
		cmd.Stdin = strings.NewReader("start exit 0\n")
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), "error") || !strings.Contains(string(out), level) {
			t.Errorf("%s: %q, %v", level, out, err)
		}
	}
}

// asNobody runs tests again as a user without rights, and returns what they
// print.
func asNobody(t *testing.T, args ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else; an ordinary user runs them anyway")
	}
	const nobody = 65534
	dir := path.Join(t.TempDir(), "of nobody")
	for d := dir; d != os.TempDir() && len(d) > 1; d = path.Dir(d) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", append([]string{"-test.v"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir, containmentVar+"=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestOrdinaryUser runs the tests of the sweep level as a user who may not make
// cgroups.
func TestOrdinaryUser(t *testing.T) {
	out := asNobody(t, "-test.skip=//crowd", "-test.run=^(TestKillLeavesNothing|TestCloseEndsLeftovers|TestProgramKilled|TestKeeperIsReplaced|TestKeeperStopped|TestKeeperKilledToo|TestOthersAreLeftAlone|TestStopIsPolite|TestSignalOnce)$")
	for _, want := range []string{
		"--- PASS: TestKillLeavesNothing/sweep/comet",
		"--- PASS: TestCloseEndsLeftovers/sweep/fork_bomb",
		"--- PASS: TestProgramKilled/sweep/own_session",
		"--- PASS: TestKillLeavesNothing/pidns/comet",
		"--- PASS: TestKillLeavesNothing/pidns/sibling_of_the_leader",
		"--- PASS: TestKeeperStopped/sweep",
		"--- PASS: TestKeeperStopped/pidns",
		"--- PASS: TestProgramKilled/pidns/own_session",
		"--- SKIP: TestKillLeavesNothing/cgroup", // else it was no ordinary user
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

var _ = helper("finder", func() {
	c, err := cgroups()
	if err != nil {
		panic(err)
	}
	fmt.Print(c.dir)
})

// TestFoundAndNotUsed: a program that has found the level and started nothing
// leaves no cgroup.
func TestFoundAndNotUsed(t *testing.T) {
	if _, err := cgroups(); err != nil {
		t.Skip("no cgroup to be had:", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = helperEnv(t, "finder")
	dir, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "its cgroup is removed", func() bool {
		_, err := os.Stat(string(dir))
		return errors.Is(err, os.ErrNotExist)
	})
}
