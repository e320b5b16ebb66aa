package proc

// This file runs in the keeper only.

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	chaseWindow = 32                   // process ids after the newest that are looked at
	chaseIdle   = 5 * time.Millisecond // without a member, and the chase is over
	chaseBound  = 100 * time.Millisecond
)

// chase waits for members at the place where they appear. A process that forks
// and exits all the time is gone from any list by the time the list is read.
// But the kernel gives process ids in turn, and the marks can be asked for by
// id alone, in less than a microsecond: what is new is met long before it can
// fork again. A SIGKILL that comes while it forks fails the fork. Members whose
// mark is only in their environment are left to the looks.
func (h *hunter) chase() {
	last := newestPID()
	now := time.Now()
	for end, idle := now.Add(chaseBound), now.Add(chaseIdle); now.Before(end) && now.Before(idle); now = time.Now() {
		newest := newestPID()
		if newest < last-chaseWindow { // they began again at the lowest
			last = newest
		}
		for pid := last + 1; pid <= max(last, newest)+chaseWindow; pid++ {
			m, ok := limitMark(pid)
			if ok && last < pid {
				last = pid
			}
			if !ok || !h.hunted(m) || pid == os.Getpid() {
				continue
			}
			idle = time.Now().Add(chaseIdle)
			_ = signalSure(pid, unix.SIGKILL, h.marked)
		}
		last = max(last, newest)
	}
}

// hunted reports whether trees of this mark are to die.
func (h *hunter) hunted(m mark) bool { return m.program() == h.program && !h.spared[m] }

// marked reports whether the process carries such a mark in its limit.
func (h *hunter) marked(pid int) bool {
	m, ok := limitMark(pid)
	return ok && h.hunted(m)
}

// limitMark reads the mark in the limit of a process. ok says that there is
// such a process; one that we may not ask is none of ours.
func limitMark(pid int) (m mark, ok bool) {
	var l unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &l)
	return mark(l.Cur), err != unix.ESRCH
}

// newestPID returns the process id that was given away last; 0 if the kernel
// does not say.
func newestPID() (pid int) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	pid, _ = strconv.Atoi(strings.TrimSpace(string(b[bytes.LastIndexByte(bytes.TrimSpace(b), ' ')+1:])))
	return pid
}
