package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The cgroup level. The program has one cgroup of its own, made below the one
// it runs in, so that every limit that holds for the program holds for its
// trees. In it each tree has a cgroup, and the leader is born inside: there is
// no moment in which it could start something outside. Writing cgroup.kill
// kills everything in it and below at once, also what is being forked.

// cgroupParent is this program's cgroup.
type cgroupParent struct {
	dir  string   // its path in the file system
	lock *os.File // the directory, locked while its owner lives (see cgroup_own_linux.go)
	next atomic.Int64
}

// start starts a tree in a cgroup of its own.
func (c *cgroupParent) start(s Spec) (*Tree, error) {
	keeper.standBy(c, s.lenient())
	h := &cgroupHold{dir: path.Join(c.dir, "t"+strconv.FormatInt(c.next.Add(1), 10))}
	if err := unix.Mkdir(h.dir, 0o755); err != nil {
		return nil, errNoLevel{Cgroup, err}
	}
	given := len(s.handovers)
	memory := c.control(&s, h.dir)
	pid, pidfd, err := launchIfNeeded(s, h.spawn)
	closeHandovers(s.handovers[given:])
	if err != nil {
		_ = removeCgroup(h.dir)
		return nil, err
	}
	t := newTree(pid, h)
	t.controls.memory = memory
	t.watch(pidfd, s.OnStop)
	return t, nil
}

// cgroupHold holds one tree.
type cgroupHold struct {
	dir string
}

func (h *cgroupHold) level() Level { return Cgroup }

func (h *cgroupHold) spawn(s Spec) (pid, pidfd int, err error) {
	fd, err := unix.Open(h.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, -1, errNoLevel{Cgroup, err}
	}
	defer unix.Close(fd)
	pid, pidfd, err = spawn(s, &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd})
	if err != nil { // of the birth or of the execution? The errno does not say
		if berr := tryBirth(fd); berr != nil {
			return 0, -1, errNoLevel{Cgroup, berr}
		}
	}
	return pid, pidfd, err
}

// unexecutable is a path that execve refuses with an error that clone cannot
// return.
var unexecutable = strings.Repeat("x", unix.PathMax+1)

// tryBirth tells whether a process can be born in the cgroup: it starts one
// that cannot execute anything and looks at which of the two steps failed.
func tryBirth(fd int) error {
	_, err := syscall.ForkExec(unexecutable, []string{"x"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd},
	})
	if err == syscall.ENAMETOOLONG {
		return nil
	}
	return fmt.Errorf("birth in a cgroup: %w", err)
}

// signal takes one snapshot of the members and signals each of them once. The
// leader's group goes first and as a whole; who joins the tree afterwards (the
// cleaning up that the signal sets off, say) is left alone.
func (h *cgroupHold) signal(t *Tree, sig syscall.Signal) error {
	pids, err := h.members()
	if err != nil {
		return ignoreNotExist(err)
	}
	return signalEach(t, pids, sig, func(pid int) bool { return inCgroup(pid, h.dir) })
}

func (h *cgroupHold) kill(t *Tree) error {
	// The leader first: mostly there is nobody else, and its end takes longer than
	// all that follows. It may also have had the right to move elsewhere.
	leader := t.signalLeader(unix.SIGKILL)
	err := ignoreNotExist(writeFile(path.Join(h.dir, "cgroup.kill"), "1"))
	return errors.Join(leader, err, h.killHeadless(t.pid))
}

// killHeadless kills the processes of which the main thread has ended and
// others run on: cgroup.kill sends its signal to main threads (as of Linux
// 6.18), and a dead one does not pass it on. The leader has had one of its own.
func (h *cgroupHold) killHeadless(but int) error {
	pids, err := h.members()
	for _, pid := range pids {
		if pid == but {
			continue
		}
		if st, ok := readStat(pid); ok && st.state == 'Z' {
			err = errors.Join(err, signalSure(pid, unix.SIGKILL, func(pid int) bool { return inCgroup(pid, h.dir) }))
		}
	}
	return ignoreNotExist(err)
}

func (h *cgroupHold) clear(t *Tree) (left int, err error) {
	pop, err := h.populated()
	if err != nil {
		return 0, ignoreNotExist(err) // cleared before
	}
	if pop {
		if left, err = h.end(t); err != nil {
			return left, err
		}
	}
	if pop || awaited.strangerDied() {
		h.reapAdopted(t)
	}
	removals.add(h.dir)
	return left, nil
}

// end kills the members, waits until none is left and tells how many they were.
// The kernel lists the living only: a process is one until its exit, also if
// that is the next thing it does. Whatever failed, an empty cgroup is the proof.
func (h *cgroupHold) end(t *Tree) (n int, err error) {
	pids, _ := h.members() // what cannot be counted is to die all the same
	killed := h.kill(t)
	if err := h.emptied(); err != nil {
		return len(pids), errors.Join(killed, err)
	}
	return len(pids), nil
}

// reapAdopted reaps the members that are children of this program, and those of
// trees that have ended. A process leaves the count of its cgroup a moment before
// it can be reaped.
func (h *cgroupHold) reapAdopted(t *Tree) {
	ours := func(st stat) bool {
		return inCgroup(st.pid, h.dir) || st.dead() && inRemovedCgroup(st.pid, path.Dir(h.dir))
	}
	for end := time.Now().Add(clearBound); reapAdopted(t.pid, ours) > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Microsecond)
	}
}

// emptied returns once nothing lives in the cgroup. It reads the state again
// and again with short pauses: the kernel's notification of this file comes
// up to 5 ms late.
func (h *cgroupHold) emptied() error {
	pause := 20 * time.Microsecond
	for end := time.Now().Add(clearBound); ; time.Sleep(pause) {
		pop, err := h.populated()
		if err != nil || !pop {
			return ignoreNotExist(err)
		}
		if time.Now().After(end) {
			return fmt.Errorf("cgroup %s: %w", h.dir, errSurvivors)
		}
		if pause *= 2; pause > time.Millisecond {
			pause = time.Millisecond
			_ = h.killHeadless(0) // one that lost its head since
		}
	}
}

// populated reports whether a process lives in the cgroup or below it.
func (h *cgroupHold) populated() (bool, error) {
	b, err := readFile(path.Join(h.dir, "cgroup.events"))
	return strings.Contains(string(b), "populated 1"), err
}

// members lists the processes in the cgroup and below it.
func (h *cgroupHold) members() ([]int, error) {
	var pids []int
	err := walkCgroup(h.dir, func(dir string) error {
		own, err := processesIn(dir)
		if errors.Is(err, unix.EOPNOTSUPP) { // of threads: the list above has the processes
			return nil
		}
		pids = append(pids, own...)
		return err
	})
	return pids, err
}

// processesIn lists the processes in the cgroup itself, as far as we can see them.
func processesIn(dir string) (pids []int, err error) {
	b, err := readFile(path.Join(dir, "cgroup.procs"))
	for f := range strings.FieldsSeq(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// walkCgroup calls f for the cgroups below dir, deepest first, and for dir.
func walkCgroup(dir string, f func(dir string) error) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err == nil && st.Nlink == 2 { // its name and its ".", and the ".." of none below it
		return f(dir)
	}
	ents, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range ents {
		if e.IsDir() {
			if err := walkCgroup(path.Join(dir, e.Name()), f); ignoreNotExist(err) != nil {
				return err
			}
		}
	}
	return f(dir)
}

// removeCgroup removes an empty cgroup and those that its members made in it.
func removeCgroup(dir string) error {
	if err := unix.Rmdir(dir); err == nil || err == unix.ENOENT {
		return nil
	}
	err := walkCgroup(dir, func(d string) error {
		// A process that has just died may hold its cgroup for a moment more.
		var err error
		for end := time.Now().Add(time.Second); ; time.Sleep(100 * time.Microsecond) {
			if err = unix.Rmdir(d); err != unix.EBUSY || time.Now().After(end) {
				break
			}
		}
		if err != nil {
			return &os.PathError{Op: "rmdir", Path: d, Err: err}
		}
		return nil
	})
	return ignoreNotExist(err)
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) { // removed; removed while open
		return nil
	}
	return err
}
