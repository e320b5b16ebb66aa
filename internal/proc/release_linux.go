package proc

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// How a tree is let go.

// release moves the members to the cgroup that the program itself runs in:
// what stays in the program's own dies with the program.
func (h *cgroupHold) release(*Tree) error {
	outside := path.Join(path.Dir(path.Dir(h.dir)), "cgroup.procs")
	for end := time.Now().Add(clearBound); ; {
		if pop, err := h.populated(); err != nil || !pop {
			break // removeCgroup will tell
		}
		pids, err := h.members()
		if err != nil {
			return ignoreNotExist(err)
		}
		for _, pid := range pids {
			if err := writeFile(outside, strconv.Itoa(pid)); err != nil && ignoreGone(unwrapErrno(err)) != nil {
				return fmt.Errorf("letting process %d go: %w", pid, err)
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("cgroup %s: processes that could not be let go in time", h.dir)
		}
	}
	return ignoreNotExist(removeCgroup(h.dir))
}

// release leaves the marks on. The keeper is told whom not to look for, and
// the program reaps what it has adopted.
func (h *sweepHold) release(t *Tree) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil
	}
	h.done = true
	alive := living(h.members(t)) > 0
	reaper.release()
	strays.add(h)
	strays.reap() // those that have ended already
	if !alive {
		return nil
	}
	return keeper.spare(h.mark)
}

// unwrapErrno returns the errno in an error of package os.
func unwrapErrno(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
