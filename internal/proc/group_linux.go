package proc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Signals as a shell gives them to a job: to a process group. What left the
// group is not asked; it can only be killed.

// SignalLeader sends sig to the leader alone. A leader that has ended is no
// error.
func (t *Tree) SignalLeader(sig syscall.Signal) error { return t.signalLeader(sig) }

// SignalGroup is for a tree that was started with Foreground. It sends sig once
// to the leader and to those members that are in the caller's process group;
// the group's other processes are left alone. A leader that has ended is no
// error. The error says that the signal reached nobody.
func (t *Tree) SignalGroup(sig syscall.Signal) error {
	pids, sure := t.hold.(snapshot).direct(t)
	err := t.signalLeader(sig)
	for _, pid := range pids {
		if st, ok := readStat(pid); pid == t.pid || !ok || st.pgrp != unix.Getpgrp() {
			continue
		}
		if signalSure(pid, sig, sure) == nil {
			err = nil
		}
	}
	return err
}

// snapshot is what the levels of Linux have besides a holder's methods.
type snapshot interface {
	// direct lists the living members, and tells how to recognize one. Those
	// that another supervisor among them holds in a cgroup below ours are its
	// affair: it is signaled, and does with them what it should.
	direct(t *Tree) (pids []int, sure func(pid int) bool)
}

func (h *cgroupHold) direct(*Tree) (pids []int, sure func(int) bool) {
	pids, _ = processesIn(h.dir)
	return pids, func(pid int) bool { return inCgroup(pid, h.dir) }
}

func (h *sweepHold) direct(t *Tree) (pids []int, sure func(int) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil, h.sure
	}
	for _, m := range h.members(t) {
		if !m.dead() {
			pids = append(pids, m.pid)
		}
	}
	return pids, func(pid int) bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.sure(pid)
	}
}
