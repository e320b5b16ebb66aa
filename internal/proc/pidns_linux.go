package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The level of PID namespaces. Each tree has a namespace of its own; when the
// first process in it, its init, is gone, the kernel has killed all others, and
// until they are gone, the init is not. So there is one process to kill and
// one to wait for, whatever the members do.
//
// Three processes are started for a tree:
//
//	launcher   this program's executable, which makes the namespace and starts
//	           the other two as children of ours, not of its own; then it ends
//	init       waits for our death and for nothing else
//	leader     the command
//
// The leader is a child of ours as at the other levels: its status, its usage
// and its stops come from the kernel, not from a messenger. It is not the
// first process, for which the kernel drops the signals that a program does
// not handle: abort() would not end it. The launcher's side is in
// pidns_launch_linux.go, the init's in pidns_init_linux.go.
//
// The namespace has a /proc of its own, in a mount namespace. With the old one
// the members' pids would not be those that they see there, so that "pkill -P
// $$" would look for, and hit, others; a supervisor among them could do nothing.

// namespaceParent is how this program makes PID namespaces.
type namespaceParent struct {
	user bool // in a user namespace, without which we lack the right
}

// openNamespaces makes a namespace, by every step that a tree will need.
func openNamespaces() (*namespaceParent, error) {
	if privileged() {
		return nil, errors.New("this program was given rights that its user does not have")
	}
	if to, err := os.Readlink("/proc/self"); err != nil || to != strconv.Itoa(os.Getpid()) {
		return nil, errors.New("/proc belongs to another PID namespace")
	}
	var errs []error
	for _, n := range []*namespaceParent{{}, {user: true}} {
		if !n.user && os.Geteuid() != 0 {
			continue
		}
		_, _, err := n.launch(Spec{Path: unexecutable, Args: []string{"x"}, Env: os.Environ()})
		if errors.Is(err, unix.ENAMETOOLONG) { // so far, and no further, it should come
			return n, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// start starts a tree in a namespace of its own. A leader that asks for
// resources takes them as at the other levels: what makes the namespace is not
// its parent, and needs resources itself.
func (n *namespaceParent) start(s Spec) (*Tree, error) {
	if len(s.handovers) > 0 { // somebody has to remove the cgroups
		keeper.standBy(nil, false)
	}
	var h *pidnsHold
	pid, pidfd, err := launchIfNeeded(s, func(s Spec) (pid, pidfd int, err error) {
		if h, pid, err = n.launch(s); err != nil {
			return 0, -1, err
		}
		if pidfd, err = unix.PidfdOpen(pid, 0); err != nil { // it is our child and not reaped
			pidfd = -1
		}
		return pid, pidfd, nil
	})
	if err != nil {
		if h != nil { // and no leader
			_ = h.end(0)
		}
		return nil, err
	}
	t := newTree(pid, h)
	t.watch(pidfd, s.OnStop)
	return t, nil
}

// attr is what the launcher must have to make a namespace.
func (n *namespaceParent) attr() *syscall.SysProcAttr {
	if !n.user {
		return &syscall.SysProcAttr{}
	}
	// The rights in the new user namespace would go with the execution; the
	// launcher gives them up. It maps the ids itself: package syscall would
	// lose a pipe if the clone fails.
	return &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN}}
}

// launch starts the leader and its init.
func (n *namespaceParent) launch(s Spec) (h *pidnsHold, pid int, err error) {
	report, reportEnd, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer report.Close()
	defer reportEnd.Close()
	aliveEnd, alive, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer aliveEnd.Close()
	first := max(3, len(s.Files))
	files := make([]*os.File, first+2)
	copy(files, s.Files)
	files[first], files[first+1] = reportEnd, aliveEnd
	o := launchOrder{report: first, alive: first + 1, uid: -1, group: !s.Foreground, path: s.Path}
	if s.lenient() {
		o.last = s.LastSignal
	}
	if n.user {
		o.uid, o.gid = os.Geteuid(), os.Getegid()
	}
	launcher, pidfd, err := spawn(Spec{
		Path:       selfPath,
		Args:       append([]string{initName}, s.Args...),
		Env:        append(s.Env[:len(s.Env):len(s.Env)], o.env()),
		Dir:        s.Dir,
		Files:      files,
		Foreground: true,
	}, n.attr())
	if err != nil {
		alive.Close()
		return nil, 0, launchError(s, err)
	}
	if pidfd >= 0 {
		unix.Close(pidfd)
	}
	reportEnd.Close()
	r := readReport(report)
	if r.err != nil {
		_ = unix.Kill(launcher, unix.SIGKILL) // it may hang
	}
	_, _ = syscall.Wait4(launcher, nil, 0, nil)
	h = &pidnsHold{init: r.init, alive: alive}
	var exec execFailed
	isExec := errors.As(r.err, &exec)
	if r.init > 0 {
		awaited.add(h.init)
		h.ns = namespaceOf(r.init)
		if h.ns == "" && (r.err == nil || isExec) {
			r.err, isExec = errUnseen, false
		}
	}
	if r.err == nil {
		return h, r.leader, nil
	}
	if r.leader > 0 {
		_ = unix.Kill(r.leader, unix.SIGKILL)
		_, _ = syscall.Wait4(r.leader, nil, 0, nil)
	}
	_ = h.end(0)
	if isExec {
		return nil, 0, &os.PathError{Op: "fork/exec", Path: s.Path, Err: exec.Errno}
	}
	return nil, 0, errNoLevel{PIDNS, r.err}
}

// errUnseen is why no tree is started in a namespace that has no name for us:
// everything else that we may not look at would seem to be in it.
var errUnseen = errors.New("the kernel does not let us look at the first process (CAP_SYS_PTRACE)")

// launchError tells a start that failed because of the namespace from one that
// would fail at any level.
func launchError(s Spec, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) && pe.Op == "fork/exec" {
		return errNoLevel{PIDNS, pe.Err}
	}
	return err
}

// What the launcher reports: records of two numbers, a kind and a value.
const (
	reportInit   = 1 + iota // the init's pid
	reportLeader            // the leader's pid
	reportExec              // the errno of the command's execution
	reportStep              // the errno of the steps before, from here on
)

// launchReport is what the launcher reported. err is nil if the leader runs.
type launchReport struct {
	init, leader int
	err          error
}

type execFailed struct{ syscall.Errno }

// readReport reads until the launcher and the leader have closed the pipe.
func readReport(f *os.File) (r launchReport) {
	_ = f.SetReadDeadline(time.Now().Add(launchBound))
	var rec [8]byte
	for {
		_, err := io.ReadFull(f, rec[:])
		if err != nil {
			if r.err == nil && os.IsTimeout(err) {
				r.err = errSlowLauncher
			} else if r.err == nil && r.leader == 0 {
				r.err = errors.New("the launcher ended early")
			}
			return r
		}
		kind, value := binary.NativeEndian.Uint32(rec[:]), binary.NativeEndian.Uint32(rec[4:])
		switch {
		case kind == reportInit:
			r.init = int(value)
		case kind == reportLeader:
			r.leader = int(value)
		case kind == reportExec:
			r.err = execFailed{syscall.Errno(value)}
		case int(kind-reportStep) < len(launchSteps):
			r.err = fmt.Errorf("%s: %w", launchSteps[kind-reportStep], syscall.Errno(value))
		}
	}
}

// pidnsHold holds one tree.
type pidnsHold struct {
	init  int      // its pid; it is ours to reap
	ns    string   // the namespace, as namespaceOf tells it
	alive *os.File // nobody else has this end: when it closes, the init ends

	mu   sync.Mutex
	done bool // init may not be ours any more
}

// namespaceOf names the PID namespace of a process; "" if we may not know.
func namespaceOf(pid int) string {
	ns, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/pid")
	return ns
}

func (h *pidnsHold) level() Level { return PIDNS }

// members lists the living members but the init. Those in namespaces that
// members made are found as their descendants.
func (h *pidnsHold) members() (list []stat) {
	all := processes()
	var roots []stat
	for pid, st := range all {
		if pid != h.init && namespaceOf(pid) == h.ns {
			roots = append(roots, st)
		}
	}
	for _, m := range closure(all, roots) {
		if !m.dead() {
			list = append(list, m)
		}
	}
	return list
}

// signal is as at the level of cgroups: to one snapshot of the members.
func (h *pidnsHold) signal(t *Tree, sig syscall.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil
	}
	var pids []int
	members := map[int]stat{}
	for _, m := range h.members() {
		pids = append(pids, m.pid)
		members[m.pid] = m
	}
	return signalEach(t, pids, sig, func(pid int) bool { return members[pid].same(pid) })
}

func (h *pidnsHold) kill(t *Tree) error {
	err := t.signalLeader(unix.SIGKILL) // the init's dying takes longer
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return err
	}
	return errors.Join(err, unix.Kill(h.init, unix.SIGKILL))
}

func (h *pidnsHold) clear(t *Tree) (left int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return 0, nil
	}
	h.done = true
	if !h.childless(t) {
		left = len(h.members())
	}
	return left, h.end(t.pid)
}

// childless reports whether neither the init nor this program has a child in
// the namespace, but for the leader, which is reaped. Then the init is alone:
// everything else descends from these.
func (h *pidnsHold) childless(t *Tree) bool {
	reaped := true
	_ = t.unreaped(func() error { reaped = false; return nil })
	if !reaped {
		return false
	}
	pid := strconv.Itoa(h.init)
	b, err := os.ReadFile(path.Join("/proc", pid, "task", pid, "children"))
	return err == nil && strings.TrimSpace(string(b)) == "" && h.reapAdopted(t.pid) == 0
}

// reapAdopted reaps the members that are children of this program: until then
// the init cannot end.
func (h *pidnsHold) reapAdopted(leader int) (alive int) {
	return reapAdopted(leader, func(st stat) bool {
		return h.ns != "" && st.pid != h.init && namespaceOf(st.pid) == h.ns
	})
}

// end kills the init and reaps it, which proves that nothing is left. leader,
// if not 0, has a watch that reaps it; without one the leader is reaped as the
// rest is.
func (h *pidnsHold) end(leader int) error {
	defer h.alive.Close()
	if h.init == 0 { // nothing was started
		return nil
	}
	_ = unix.Kill(h.init, unix.SIGKILL)
	wait := 20 * time.Microsecond
	for late := time.Now().Add(clearBound); ; time.Sleep(wait) {
		pid, err := syscall.Wait4(h.init, nil, unix.WNOHANG, nil)
		if pid == h.init || err == unix.ECHILD {
			awaited.remove(h.init)
			return nil
		}
		if time.Now().After(late) {
			return fmt.Errorf("the PID namespace of process %d: %w", h.init, errSurvivors)
		}
		if wait *= 2; wait > time.Millisecond {
			wait = time.Millisecond
			h.reapAdopted(leader)
		}
	}
}

// release has the init live until the last member ends, with or without us.
func (h *pidnsHold) release(*Tree) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil
	}
	h.done = true
	_, err := h.alive.Write([]byte{initReleased})
	h.alive.Close()
	go func() {
		reapLater(h.init)
		awaited.remove(h.init)
	}()
	return err
}

// reapLater reaps a child of ours whenever it ends; pid -1 stands for all that
// there are, where SIGCHLD is ignored.
func reapLater(pid int) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// direct leaves out what another supervisor among the members holds in
// namespaces of its own.
func (h *pidnsHold) direct(*Tree) (pids []int, sure func(pid int) bool) {
	for _, m := range h.members() {
		if namespaceOf(m.pid) == h.ns {
			pids = append(pids, m.pid)
		}
	}
	return pids, func(pid int) bool { return namespaceOf(pid) == h.ns }
}

// pids lists the members for the census (see usage_linux.go).
func (h *pidnsHold) pids(*Tree) (pids []int, err error) {
	for _, m := range h.members() {
		pids = append(pids, m.pid)
	}
	return pids, nil
}

// roots are the orphans, which the init adopts (see snapshot_linux.go).
func (h *pidnsHold) roots(*Tree, time.Time) []int { return childrenOf(h.init) }

// namespaceHint looks for the switches that distributions have.
func namespaceHint() string {
	for _, sw := range []struct{ file, off, hint string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for this program with the rule userns"},
		{"/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"},
		{"/proc/sys/user/max_pid_namespaces", "0", "sysctl -w user.max_pid_namespaces=10000"},
	} {
		if b, err := os.ReadFile(sw.file); err == nil && strings.TrimSpace(string(b)) == sw.off {
			return sw.hint
		}
	}
	return "Linux 5.3 or later; in a container, one that allows user namespaces (its seccomp profile) and masks nothing in /proc"
}
