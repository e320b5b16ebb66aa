package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bound is more time than anything here takes; it decides nothing else.
const bound = 20 * time.Second

// hostile are trees that try to outlive their end. Each is a shell script that
// writes a byte to descriptor 3 for each process that is up (4 is this test's
// executable); every process keeps that descriptor, so that the pipe's end proves that none is left. All
// are bounded in count and in time.
var hostile = []struct {
	name   string
	script string
	ready  int // bytes to wait for
	stays  int // members besides the leader once it is ready; -1: changing
}{
	{"sleeper", `echo >&3; exec sleep 60`, 1, 0},
	{"background", `(echo >&3; exec sleep 60) & echo >&3; wait`, 2, 1},
	{"own group", `exec bash -mc 2>/dev/null '(echo >&3; exec sleep 60) & echo >&3; wait'`, 2, 1},
	{"own session", `setsid sh -c 'echo >&3; exec sleep 60' & echo >&3; wait`, 2, 1},
	{"double fork", `(sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`, 2, 1},
	{"daemon without environment", `(env -i /usr/bin/setsid /bin/sh -c 'echo >&3; exec /bin/sleep 60' &); echo >&3; exec sleep 60`, 2, 1},
	{"daemon's grandchildren", `(env -i setsid sh -c '(env -i setsid sh -c "echo >&3; exec sleep 60" &) ; echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`, 3, 2},
	{"ignores signals", `trap '' HUP INT QUIT TERM USR1 USR2 TSTP; (echo >&3; exec sleep 60) & echo >&3; wait`, 2, 1},
	{"stopped", `sh -c 'echo >&3; kill -STOP $$; exec sleep 60' & echo >&3; wait`, 2, -1}, // without its parent the kernel continues it
	{"output closed", `exec 0<&- 1>&- 2>&-; (echo >&3; exec sleep 60) & echo >&3; wait`, 2, 1},
	{"main thread gone", `(CUTOFF_PROC_TEST_HELPER=beheaded setsid /proc/self/fd/4 &); exec sleep 60`, 1, 1},
	{"stopped by ptrace", `CUTOFF_PROC_TEST_HELPER=traced /proc/self/fd/4 & echo >&3; wait; exec sleep 60`, 2, 1},
	{"zombie factory", `setsid sh -c 'i=0; while [ $i -lt 100 ]; do : & i=$((i+1)); done; echo >&3; exec sleep 60' & echo >&3; wait`, 2, -1}, // some of its dead are not dead yet
	{"crowd", `i=0; while [ $i -lt 1000 ]; do (exec sleep 60) & i=$((i+1)); done; echo >&3; wait`, 1, 1000},
	{"fork bomb", `f() { echo >&3; [ $1 -eq 0 ] || { f $(($1-1)) & f $(($1-1)) & }; sleep 60; }; f 6`, 60, -1},
	{"comet", comet, 20, -1},
	{"sibling of the leader", `CUTOFF_PROC_TEST_HELPER=sibling exec /proc/self/fd/4`, 1, 1},
}

// comet is a process that forks and exits all the time, each in a session of
// its own, for 3,000 generations at most.
const comet = `export S='echo >&3; [ $1 -gt 0 ] || exit 0; setsid sh -c "$S" sh $(($1-1)) & exit 0'
sh -c "$S" sh 3000; exec sleep 60`

var _ = helper("beheaded", func() {
	runtime.LockOSThread() // TestMain's goroutine is the main thread's
	runtime.GOMAXPROCS(2)  // the thread that ends takes one with it
	go func() {
		for { // until the main thread is a zombie
			if st, _ := readStat(os.Getpid()); st.state == 'Z' {
				break
			}
			runtime.Gosched()
		}
		_, _ = os.NewFile(3, "test's pipe").Write([]byte{'.'})
		time.Sleep(time.Minute)
		os.Exit(0)
	}()
	if unix.Gettid() != os.Getpid() {
		panic("not the main thread")
	}
	_, _, _ = syscall.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
})

var _ = helper("traced", func() {
	_, _, errno := syscall.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0)
	if errno != 0 {
		panic(errno)
	}
	_, _ = os.NewFile(3, "test's pipe").Write([]byte{'.'})
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	time.Sleep(time.Minute)
})

// It has its parent's parent adopt a child: the program that started the tree.
var _ = helper("sibling", func() {
	_, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "echo >&3; exec sleep 60"}, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2, 3},
		Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT, Setsid: true},
	})
	if err != nil {
		panic(err)
	}
	time.Sleep(time.Minute)
})

// trial is one hostile tree and the pipe that its members hold.
type trial struct {
	t    *testing.T
	tree *Tree
	r, w *os.File
}

// eachLevel runs f at every level that the test machine grants.
func eachLevel(t *testing.T, f func(t *testing.T, start starter)) {
	t.Helper()
	if env := os.Getenv(containmentVar); env != "" {
		t.Fatalf("%s=%s: these tests choose their levels themselves", containmentVar, env)
	}
	for _, l := range known {
		t.Run(string(l), func(t *testing.T) {
			if err := available(l); err != nil {
				t.Skip("it cannot be had here:", err)
			}
			f(t, func(s Spec) (*Tree, error) { s.Level = l; return Start(s) })
		})
	}
}

// shell starts a script with the pipe as its descriptor 3.
func shell(t *testing.T, start starter, script string) *trial {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{t: t, r: r, w: w}
	t.Cleanup(tr.cleanup)
	exe, err := os.Open(selfPath)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	tr.tree, err = start(Spec{
		Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ(),
		Files: []*os.File{nil, nil, os.Stderr, w, exe},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// ready waits until n processes are up.
func (tr *trial) ready(n int) {
	tr.t.Helper()
	_ = tr.r.SetReadDeadline(time.Now().Add(bound))
	if _, err := io.ReadFull(tr.r, make([]byte, n)); err != nil {
		tr.t.Fatalf("the tree did not come up: %v", err)
	}
}

// ended waits for the leader.
func (tr *trial) ended() Status {
	tr.t.Helper()
	if !tr.tree.wait(bound) {
		tr.t.Fatal("the leader has not ended")
	}
	return tr.tree.Status()
}

// gone fails unless no process holds the pipe: at once, for Close has returned.
func (tr *trial) gone() {
	tr.t.Helper()
	if left := tr.holders(); len(left) > 0 {
		tr.t.Errorf("alive after Close: %v", left)
	}
	tr.w.Close()
	tr.w = nil
	_ = tr.r.SetReadDeadline(time.Now().Add(bound))
	if _, err := io.Copy(io.Discard, tr.r); err != nil {
		tr.t.Errorf("the pipe is still held: %v", err)
	}
}

// holders lists the living processes that hold the pipe, but this one.
func (tr *trial) holders() (pids []int) {
	var want unix.Stat_t
	if err := unix.Fstat(int(tr.r.Fd()), &want); err != nil {
		tr.t.Fatal(err)
	}
	_ = unix.SetNonblock(int(tr.r.Fd()), true) // Fd has made it blocking
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/3")
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); to == fmt.Sprintf("pipe:[%d]", want.Ino) {
			var pid int
			_, _ = fmt.Sscanf(fd, "/proc/%d/", &pid)
			if st, ok := readStat(pid); ok && !st.dead() && pid != os.Getpid() {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// cleanup leaves nothing behind, whatever the test found.
func (tr *trial) cleanup() {
	if tr.tree != nil {
		tr.tree.Kill()
		_, _ = tr.tree.Close()
	}
	for range 100 {
		pids := tr.holders()
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		if len(pids) == 0 {
			break
		}
	}
	tr.r.Close()
	tr.w.Close()
}

// clean fails if something of the tree is left: zombies, its cgroup.
func (tr *trial) clean() {
	tr.t.Helper()
	for _, pid := range childrenOf(os.Getpid()) {
		if st, ok := readStat(pid); ok && st.dead() && pid != keeper.processID() {
			tr.t.Errorf("a zombie is left: %+v", st)
		}
	}
	if h, ok := tr.tree.hold.(*cgroupHold); ok {
		eventually(tr.t, "the cgroup is removed", func() bool {
			_, err := os.Stat(h.dir)
			return errors.Is(err, os.ErrNotExist)
		})
	}
}

func TestKillLeavesNothing(t *testing.T) {
	helpersUsed["beheaded"], helpersUsed["traced"], helpersUsed["sibling"] = true, true, true
	eachLevel(t, func(t *testing.T, start starter) {
		for _, h := range hostile {
			t.Run(h.name, func(t *testing.T) {
				tr := shell(t, start, h.script)
				tr.ready(h.ready)
				tr.tree.Kill()
				if st := tr.ended(); st.Signal != syscall.SIGKILL {
					t.Errorf("the leader ended with %v", st)
				}
				if _, err := tr.tree.Close(); err != nil {
					t.Error(err)
				}
				tr.gone()
				tr.clean()
			})
		}
	})
}

// TestThreadedCgroup: a cgroup of threads below a tree's, whose processes the
// kernel does not list there, as any member may make one that owns the tree's.
func TestThreadedCgroup(t *testing.T) {
	c, err := cgroups()
	if err != nil {
		t.Skip("no cgroup to be had:", err)
	}
	for _, inside := range []bool{false, true} { // is a member in it?
		for _, leaves := range []bool{false, true} { // does the leader end by itself?
			t.Run(fmt.Sprint("inside=", inside, ",leaves=", leaves), func(t *testing.T) {
				tr := shell(t, c.start, `(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3; exec sleep 60`)
				tr.ready(2)
				dir := path.Join(tr.tree.hold.(*cgroupHold).dir, "threads")
				if err := errors.Join(os.Mkdir(dir, 0o755), writeFile(path.Join(dir, "cgroup.type"), "threaded")); err != nil {
					t.Fatal(err)
				}
				if inside {
					for _, pid := range tr.holders() {
						if err := writeFile(path.Join(dir, "cgroup.threads"), strconv.Itoa(pid)); err != nil {
							t.Fatal(err)
						}
					}
				}
				eventually(t, "both members are measured", func() bool {
					u, err := tr.tree.Usage()
					return err == nil && u.Processes == 2
				})
				if leaves {
					if err := unix.Kill(tr.tree.PID(), unix.SIGKILL); err != nil { // the leader alone
						t.Fatal(err)
					}
				} else {
					tr.tree.Kill()
				}
				tr.ended()
				if leaked, err := tr.tree.Close(); err != nil || leaves && leaked != 1 {
					t.Errorf("%d left behind; %v", leaked, err)
				}
				tr.gone()
				tr.clean()
			})
		}
	}
}

// TestCloseEndsLeftovers lets the leader end by itself and leave everything
// else behind.
func TestCloseEndsLeftovers(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		for _, h := range hostile {
			t.Run(h.name, func(t *testing.T) {
				if h.stays == 0 {
					t.Skip("it has nothing to leave")
				}
				tr := shell(t, start, h.script)
				tr.ready(h.ready)
				if err := unix.Kill(tr.tree.PID(), unix.SIGKILL); err != nil { // the leader alone
					t.Fatal(err)
				}
				tr.ended()
				leaked, err := tr.tree.Close()
				if err != nil {
					t.Error(err)
				}
				if h.stays >= 0 && leaked != h.stays {
					t.Errorf("%d left behind, want %d", leaked, h.stays)
				}
				tr.gone()
				tr.clean()
			})
		}
	})
}

// TestKillReachesAll: what a kill reaches does not wait for Close: the leader may
// be slow to end, and what outlives it may be let go.
func TestKillReachesAll(t *testing.T) {
	for _, h := range hostile {
		if h.name != "main thread gone" && h.name != "own session" {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			eachLevel(t, func(t *testing.T, start starter) {
				tr := shell(t, start, h.script)
				tr.ready(h.ready)
				tr.tree.Kill()
				tr.w.Close()
				_ = tr.r.SetReadDeadline(time.Now().Add(bound))
				if _, err := io.Copy(io.Discard, tr.r); err != nil {
					t.Errorf("somebody runs on: %v", err)
				}
				tr.ended()
			})
		})
	}
}
