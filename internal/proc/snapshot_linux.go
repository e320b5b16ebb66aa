package proc

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// The bounds of a snapshot: it is taken right before a tree is stopped, and
// must not be what keeps the tree alive.
const (
	snapshotBound   = 50 * time.Millisecond // for all of it
	maxShown        = 64                    // processes in a snapshot
	maxLooked       = 512                   // processes that are looked at to choose from
	maxCommandShown = 200                   // bytes of a command line
)

// Snapshot looks at the tree as it is now. It returns within 50 ms, with what
// it has seen until then, also if the kernel holds back what it is asked for.
func (t *Tree) Snapshot() Snapshot {
	select {
	case <-t.exited:
		return Snapshot{}
	default:
	}
	bound := snapshotBound * Patience
	end := time.Now().Add(bound)
	done := make(chan Snapshot, 1) // reading a command line may hang with its process
	go func() { done <- t.snapshot(end.Add(-bound*2/3), end) }()
	late := time.NewTimer(bound)
	defer late.Stop()
	select {
	case s := <-done:
		return s
	case <-late.C:
		return Snapshot{}
	}
}

// rooted is a holder whose members are not all found from the leader down.
type rooted interface {
	// roots lists processes from which, together with the leader, all members
	// descend, as far as it finds them until end. It must not wait for a sweep
	// or the like.
	roots(t *Tree, end time.Time) []int
}

// roots are the program's own children that belong to the tree: orphans that
// it adopted.
func (h *sweepHold) roots(t *Tree, end time.Time) (pids []int) {
	for _, pid := range childrenOf(unix.Getpid()) {
		if time.Now().After(end) {
			break
		}
		if awaited.has(pid) { // other trees' leaders
			continue
		}
		if st, ok := readStat(pid); ok && (st.pgrp == t.pid || st.session == t.pid || h.mark.on(pid)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// snapshot does the work: it looks around until enough, and at what it chose
// until end.
func (t *Tree) snapshot(enough, end time.Time) (s Snapshot) {
	seen, more := t.look(enough)
	if len(seen) > maxShown {
		more += len(seen) - maxShown
		slices.SortStableFunc(seen, func(a, b stat) int {
			if a.pid == t.pid || b.pid == t.pid {
				return cmp.Compare(b2i(b.pid == t.pid), b2i(a.pid == t.pid))
			}
			return cmp.Compare(b.ticks, a.ticks)
		})
		seen = seen[:maxShown]
	}
	s.More = more
	for _, n := range inOrder(seen, t.pid) {
		if time.Now().After(end) {
			s.More++
			continue
		}
		s.Processes = append(s.Processes, describe(n.stat, n.depth))
	}
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// look reads the state of members until it has seen enough or the time is up.
// more is how many it knows of besides.
func (t *Tree) look(end time.Time) (seen []stat, more int) {
	queue := []int{t.pid}
	descend := true
	switch h := t.hold.(type) {
	case *cgroupHold:
		pids, _ := h.members()
		queue, descend = append(queue, pids...), false
	case rooted:
		queue = append(queue, h.roots(t, end)...)
	}
	known := map[int]bool{}
	for ; len(queue) > 0; queue = queue[1:] {
		pid := queue[0]
		if known[pid] {
			continue
		}
		if len(seen) == maxLooked || time.Now().After(end) {
			return seen, more + len(queue)
		}
		known[pid] = true
		if st, ok := readStat(pid); ok {
			seen = append(seen, st)
		}
		if descend {
			queue = append(queue, childrenOf(pid)...)
		}
	}
	return seen, more
}

// placed is a process and its depth in the tree.
type placed struct {
	stat
	depth int
}

// inOrder puts processes into the order of a tree, those that have lost their
// parent below the leader.
func inOrder(all []stat, leader int) (out []placed) {
	here := map[int]bool{}
	for _, p := range all {
		here[p.pid] = true
	}
	kids := map[int][]stat{}
	for _, p := range all {
		parent := p.ppid
		switch {
		case p.pid == leader:
			parent = 0
		case !here[parent]:
			parent = leader
			if !here[leader] {
				parent = 0
			}
		}
		kids[parent] = append(kids[parent], p)
	}
	var add func(parent, depth int)
	add = func(parent, depth int) {
		for _, p := range kids[parent] {
			out = append(out, placed{p, depth})
			add(p.pid, depth+1)
		}
	}
	add(0, 0)
	return out
}

// describe finds out what a process does.
func describe(st stat, depth int) Process {
	p := Process{PID: st.pid, Depth: depth, State: st.state, CPU: time.Duration(st.ticks) * tick}
	if st.state != 'R' && !st.dead() {
		p.Wait = waitOf(st.pid)
	}
	p.Command = commandOf(st.pid)
	return p
}

// waitOf names the place in the kernel where the process's main thread waits,
// or its system call.
func waitOf(pid int) string {
	var buf [256]byte
	if name := string(buf[:readProc(pid, "wchan", buf[:])]); name != "" && name != "0" {
		return name
	}
	number, _, _ := strings.Cut(string(buf[:readProc(pid, "syscall", buf[:])]), " ")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	switch {
	case err != nil: // it runs, or we may not know
		return ""
	case syscalls[n] != "":
		return syscalls[n]
	}
	return "syscall_" + strconv.Itoa(n)
}

// syscalls are those in which processes wait, as far as every architecture has
// them.
var syscalls = map[int]string{
	unix.SYS_READ: "read", unix.SYS_WRITE: "write", unix.SYS_READV: "readv", unix.SYS_WRITEV: "writev",
	unix.SYS_PREAD64: "pread64", unix.SYS_PWRITE64: "pwrite64", unix.SYS_OPENAT: "openat", unix.SYS_CLOSE: "close",
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FLOCK: "flock", unix.SYS_FCNTL: "fcntl",
	unix.SYS_IOCTL: "ioctl", unix.SYS_SPLICE: "splice", unix.SYS_SENDFILE: "sendfile",
	unix.SYS_CONNECT: "connect", unix.SYS_ACCEPT4: "accept4", unix.SYS_RECVFROM: "recvfrom",
	unix.SYS_RECVMSG: "recvmsg", unix.SYS_SENDTO: "sendto", unix.SYS_SENDMSG: "sendmsg",
	unix.SYS_PPOLL: "ppoll", unix.SYS_PSELECT6: "pselect6", unix.SYS_EPOLL_PWAIT: "epoll_pwait",
	unix.SYS_FUTEX: "futex", unix.SYS_NANOSLEEP: "nanosleep", unix.SYS_CLOCK_NANOSLEEP: "clock_nanosleep",
	unix.SYS_WAIT4: "wait4", unix.SYS_WAITID: "waitid",
	unix.SYS_RT_SIGSUSPEND: "rt_sigsuspend", unix.SYS_RT_SIGTIMEDWAIT: "rt_sigtimedwait",
}

// commandOf returns the command line of a process in one line.
func commandOf(pid int) string {
	var buf [maxCommandShown + 1]byte
	n := readProc(pid, "cmdline", buf[:])
	if n == 0 {
		n = readProc(pid, "comm", buf[:])
		return "[" + printable(strings.TrimSuffix(string(buf[:n]), "\n")) + "]"
	}
	line := string(buf[:min(n, maxCommandShown)])
	line = printable(strings.ReplaceAll(strings.TrimRight(line, "\x00"), "\x00", " "))
	if n > maxCommandShown {
		line += "…"
	}
	return line
}

// printable replaces what a line of a table cannot hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
}
