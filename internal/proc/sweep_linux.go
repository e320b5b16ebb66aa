package proc

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The sweep level, for machines that grant nothing better. The program is a
// child subreaper while it has trees: whatever loses its parent becomes the
// program's own child and cannot get out of its sight. A sweep reads the
// process table, finds the members of one tree, stops and kills them, and is
// repeated until two of them find nothing.
//
// Members are found from the program's children down. A child is a member's
// root if it is the leader, if it carries the tree's mark or if it is in the
// leader's group or session; what descends from a member is a member. Children
// that carry no mark are other people's (os/exec's, say): they are neither
// killed nor reaped.
//
// Why two sweeps are certain: a member that ends between the listing and the
// look leaves a dead entry behind, which only its parent can reap, and that is
// this sweep or a member that is found itself. So the trail of a process that
// forks and exits all the time is always there.

// sweepHold holds one tree.
type sweepHold struct {
	mark mark

	mu    sync.Mutex     // one sweep of a tree at a time
	known map[int]uint64 // every member that was ever seen: pid and start time
	done  bool
}

// startSwept starts a tree at the sweep level.
func startSwept(s Spec) (*Tree, error) {
	keeper.standBy(nil, s.lenient())
	_ = keeper.sweptToo() // KeeperError tells
	if err := reaper.acquire(); err != nil {
		return nil, err
	}
	h := &sweepHold{mark: newMark(), known: map[int]uint64{}}
	pid, pidfd, err := launchMarked(s, h.mark)
	if err != nil {
		reaper.release()
		return nil, err
	}
	t := newTree(pid, h)
	t.watch(pidfd, s.OnStop)
	return t, nil
}

func (h *sweepHold) level() Level { return Sweep }

func (h *sweepHold) signal(t *Tree, sig syscall.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil
	}
	var pids []int
	for _, m := range h.members(t) {
		if !m.dead() {
			pids = append(pids, m.pid)
		}
	}
	return signalEach(t, pids, sig, h.sure)
}

// sure reports whether the pid still means the member that was seen.
func (h *sweepHold) sure(pid int) bool {
	st, ok := readStat(pid)
	return ok && h.known[pid] == st.start
}

func (h *sweepHold) kill(t *Tree) error {
	_ = t.signalLeader(unix.SIGKILL) // first what matters most
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil
	}
	_, err := h.sweep(t)
	return err
}

func (h *sweepHold) clear(t *Tree) (left int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return 0, nil
	}
	left, err = h.sweep(t)
	h.done = true
	strays.reap()
	reaper.release()
	return left, err
}

// sweep kills and reaps until two passes find nothing. left is how many
// members the first pass found alive.
func (h *sweepHold) sweep(t *Tree) (left int, err error) {
	end := time.Now().Add(clearBound)
	for pass, clean := 0, 0; clean < 2; pass++ {
		members := h.members(t)
		if pass == 0 {
			left = living(members)
		}
		if len(members) == 0 {
			clean++
			continue
		}
		clean = 0
		if time.Now().After(end) {
			return left, fmt.Errorf("%d members of the tree of process %d: %w", living(members), t.pid, errSurvivors)
		}
		h.fell(t, members)
		time.Sleep(min(time.Duration(pass)*50*time.Microsecond, 2*time.Millisecond)) // dying takes its time
	}
	return left, nil
}

// fell stops all that was found before it kills the first, so that what forks
// stands still, and reaps those that are our own.
func (h *sweepHold) fell(t *Tree, members []stat) {
	for _, sig := range []syscall.Signal{unix.SIGSTOP, unix.SIGKILL} {
		for _, m := range members {
			_ = signalSure(m.pid, sig, h.sure) // the next pass sees who is left
		}
	}
	for _, m := range members {
		if m.ppid == os.Getpid() && m.pid != t.pid && h.sure(m.pid) {
			_, _ = syscall.Wait4(m.pid, nil, unix.WNOHANG, nil)
		}
	}
}

// members finds the members of the tree and remembers them. The leader is one
// until it is dead: its reaping is the watch's.
func (h *sweepHold) members(t *Tree) []stat {
	all := processes()
	var roots []stat
	for _, p := range all {
		if h.isRoot(t, p) {
			roots = append(roots, p)
		}
	}
	var out []stat
	for _, m := range closure(all, roots) {
		h.known[m.pid] = m.start
		if m.pid != t.pid || !m.dead() {
			out = append(out, m)
		}
	}
	return out
}

func (h *sweepHold) isRoot(t *Tree, p stat) bool {
	if start, ok := h.known[p.pid]; ok && start == p.start {
		return true
	}
	if p.ppid != os.Getpid() {
		return false
	}
	mine := false
	_ = t.unreaped(func() error {
		mine = p.pid == t.pid || p.pgrp == t.pid || p.session == t.pid
		return nil
	})
	return mine || h.mark.on(p.pid)
}

func living(members []stat) (n int) {
	for _, m := range members {
		if !m.dead() {
			n++
		}
	}
	return n
}

// reaper makes the program a child subreaper for as long as it has trees at
// this level, and no longer: orphans of the program's other children belong to
// the system. If the program was one before, that is its own affair.
var reaper subreaper

type subreaper struct {
	mu    sync.Mutex
	users int
	own   bool // it is we who made it one
}

func (r *subreaper) acquire() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == 0 {
		was, err := getSubreaper()
		if err != nil {
			return fmt.Errorf("child subreaper: %w", err)
		}
		if r.own = !was; r.own {
			if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
				return fmt.Errorf("child subreaper: %w", err)
			}
		}
	}
	r.users++
	return nil
}

func (r *subreaper) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users--; r.users == 0 && r.own {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
}
