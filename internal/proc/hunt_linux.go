package proc

// This file runs in the keeper only.

import (
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hunt kills everything that carries a mark of the dead program, and what
// descends from it, until several looks have found nothing. The orphans have
// gone to another process, which reaps them at once; so nothing is left of a
// member that forks and ends all the time, and there is no certainty as in the
// program's own sweep. But a look at what is new is much faster than most can
// fork, what it finds stops at once, and what is faster still is chased.
func hunt(program uint64, spared map[mark]bool) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20) // where we may: they must not starve us
	h := hunter{program: program, spared: spared, corpses: map[int]uint64{}}
	end := time.Now().Add(clearBound)
	last, idle := time.Now(), 0 // when a member was found, and the looks since then
	for clean, looks := 0, 0; clean < 4 && time.Now().Before(end) && (idle < huntIdle || time.Since(last) < huntQuiet); looks++ {
		if looks%huntThorough == 0 {
			h.others = nil
		}
		begin := time.Now()
		found, gone := h.look()
		if !found && gone == 0 {
			h.others = nil // the next look is a thorough one
			found, gone = h.look()
			time.Sleep(time.Millisecond)
		}
		if idle++; found {
			last, idle = time.Now(), 0
		}
		if clean++; found || gone > 0 {
			clean = 0
			h.chase()
		}
		if idle > 1 {
			time.Sleep(min(time.Since(begin), longestIdle)) // the machine is there for others, too
		}
	}
}

const (
	// huntThorough is how many looks there are to a thorough one, at the
	// latest. On a busy machine something is gone in every look; and what was
	// looked at in the instant before it set its mark is among the others.
	huntThorough = 4
	// huntQuiet ends a hunt that meets nobody, although it cannot be sure: the
	// machine is busy with what is not ours.
	huntQuiet   = 2 * time.Second
	huntIdle    = 3 * huntThorough // and not after fewer looks
	longestIdle = 100 * time.Millisecond
)

type hunter struct {
	program uint64
	spared  map[mark]bool  // trees that were let go
	others  map[int]bool   // what the last look saw and found to be no member
	corpses map[int]uint64 // dead members that were seen: pid and start time
}

// look stops each member as soon as it is found, and kills them all in the
// end. gone counts processes that ended before they could be looked at, and
// members that are found dead for the first time: what they started may be
// newer than the list.
func (h *hunter) look() (found bool, gone int) {
	all := map[int]stat{}
	others := map[int]bool{}
	var members []stat
	for _, pid := range listProcesses() {
		if h.others[pid] {
			others[pid] = true
			continue
		}
		st, ok := readStat(pid)
		switch {
		case !ok:
			gone++
		case pid == os.Getpid():
		case st.dead():
			if h.corpses[pid] != st.start && h.ours(pid) {
				h.corpses[pid] = st.start
				gone++
			}
		case h.ours(pid):
			h.signal(st, unix.SIGSTOP)
			members = append(members, st)
		default:
			others[pid] = true
		}
		all[pid] = st
	}
	if h.others == nil { // a thorough look: descendants without a mark as well
		members = h.withDescendants(all, members)
	}
	h.others = others
	for _, m := range members {
		h.signal(m, unix.SIGKILL)
	}
	return len(members) > 0, gone
}

// withDescendants adds to members that stand still what descends from them, and
// stops it too.
func (h *hunter) withDescendants(all map[int]stat, members []stat) []stat {
	still := map[int]bool{}
	for _, m := range members {
		still[m.pid] = true
	}
	members = closure(all, members)
	for _, m := range members {
		if !still[m.pid] {
			h.signal(m, unix.SIGSTOP)
		}
	}
	return members
}

// signal signals a member; the next look sees who is left. Where there is a
// mark, to ask for it is much faster than to read the process's entry again,
// and a thousand members have to be gone within a second.
func (h *hunter) signal(m stat, sig syscall.Signal) {
	_ = signalSure(m.pid, sig, func(pid int) bool { return h.marked(pid) || m.same(pid) })
}

// ours reports whether the process belongs to a tree that is to be ended.
func (h *hunter) ours(pid int) bool {
	return programOn(pid, h.program) && !sparedOn(pid, h.spared)
}

// sparedOn reports whether the process carries the mark of a tree that was let
// go.
func sparedOn(pid int, spared map[mark]bool) bool {
	if len(spared) == 0 {
		return false
	}
	if spared[mark(locksLimit(pid))] {
		return true
	}
	for token := range strings.SplitSeq(envOf(pid, treeVar), ",") {
		if m, ok := parseToken(token); ok && spared[m] {
			return true
		}
	}
	return false
}

// anyMarked reports whether a living process carries a mark of the program
// that nobody has let go.
func anyMarked(program uint64, spared map[mark]bool) bool {
	for pid, st := range processes() {
		if pid != os.Getpid() && !st.dead() && programOn(pid, program) && !sparedOn(pid, spared) {
			return true
		}
	}
	return false
}
