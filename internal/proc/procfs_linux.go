package proc

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// What is read of /proc, and signals to processes that are not our children.

// stat is a process as /proc/PID/stat shows it. A pid and the start time name
// a process for ever; a pid alone only until it is reaped.
type stat struct {
	pid, ppid, pgrp, session int
	state                    byte
	threads                  int
	start                    uint64 // in clock ticks since the boot
	ticks                    uint64 // processor time used, in clock ticks
}

// dead reports whether only the entry is left, to be reaped by the parent. A
// process of which only the main thread has ended looks the same at first.
func (s stat) dead() bool { return (s.state == 'Z' || s.state == 'X') && s.threads <= 1 }

// same reports whether the pid still means this process.
func (s stat) same(pid int) bool {
	now, ok := readStat(pid)
	return ok && now.start == s.start
}

// readStat reports false if there is no such process (any more).
func readStat(pid int) (stat, bool) {
	var buf [1024]byte
	n := readProc(pid, "stat", buf[:])
	return parseStat(pid, buf[:n])
}

// parseStat reads "PID (COMM) STATE PPID PGRP SESSION … START …"; the command
// may contain anything, also parentheses and spaces.
func parseStat(pid int, b []byte) (stat, bool) {
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return stat{}, false
	}
	f := bytes.Fields(b[i+1:])
	if len(f) < 20 {
		return stat{}, false
	}
	num := func(i int) int { n, _ := strconv.Atoi(string(f[i])); return n }
	start, err := strconv.ParseUint(string(f[19]), 10, 64)
	ticks := uint64(num(11) + num(12))
	return stat{
		pid: pid, state: f[0][0], ppid: num(1), pgrp: num(2), session: num(3), threads: num(17), start: start, ticks: ticks,
	}, err == nil
}

// readProc reads the beginning of /proc/PID/name; 0 if it cannot be read.
func readProc(pid int, name string, buf []byte) int {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	n, _ := unix.Read(fd, buf)
	return max(n, 0)
}

// listProcesses lists the pids that there are.
func listProcesses() (pids []int) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processes reads the whole process table.
func processes() map[int]stat {
	pids := listProcesses()
	all := make(map[int]stat, len(pids))
	for _, pid := range pids {
		if st, ok := readStat(pid); ok {
			all[pid] = st
		}
	}
	return all
}

// childrenOf lists the children of a process, as far as the kernel tells them
// while they come and go.
func childrenOf(pid int) (kids []int) {
	threads, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	for _, thread := range threads {
		if tid, err := strconv.Atoi(thread.Name()); err == nil {
			kids = append(kids, childrenOfThread(pid, tid)...)
		}
	}
	return kids
}

// childrenOfThread lists the children that one thread started. A process that
// is adopted becomes a child of the main thread (whose id is the process's).
func childrenOfThread(pid, tid int) (kids []int) {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(tid) + "/children")
	for f := range strings.FieldsSeq(string(b)) {
		if kid, err := strconv.Atoi(f); err == nil {
			kids = append(kids, kid)
		}
	}
	return kids
}

// closure returns the roots and everything that descends from them, each once.
func closure(all map[int]stat, roots []stat) []stat {
	kids := make(map[int][]stat, len(all))
	for _, p := range all {
		kids[p.ppid] = append(kids[p.ppid], p)
	}
	seen := make(map[int]bool, len(roots))
	var out []stat
	for queue := roots; len(queue) > 0; queue = queue[1:] {
		if p := queue[0]; !seen[p.pid] {
			seen[p.pid] = true
			out = append(out, p)
			queue = append(queue, kids[p.pid]...)
		}
	}
	return out
}

// signalSure signals exactly the process that sure recognizes: the pidfd keeps
// the pid from meaning another process between the look and the signal.
func signalSure(pid int, sig syscall.Signal, sure func(pid int) bool) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ENOSYS { // before Linux 5.3
		if !sure(pid) {
			return nil
		}
		return ignoreGone(unix.Kill(pid, sig))
	}
	if err != nil {
		return ignoreGone(err)
	}
	defer unix.Close(fd)
	if !sure(pid) {
		return nil
	}
	return ignoreGone(unix.PidfdSendSignal(fd, sig, nil, 0))
}

// signalEach signals every process of a snapshot once: those in the leader's
// group as a group, at one instant, the others one by one.
func signalEach(t *Tree, pids []int, sig syscall.Signal, sure func(pid int) bool) error {
	inGroup := map[int]bool{}
	_ = t.unreaped(func() error {
		for _, pid := range pids {
			if st, ok := readStat(pid); ok && st.pgrp == t.pid {
				inGroup[pid] = true
			}
		}
		if len(inGroup) > 0 && unix.Kill(-t.pid, sig) != nil {
			clear(inGroup) // no such group, or not ours to signal: one by one
		}
		return nil
	})
	var first error
	for _, pid := range pids {
		if inGroup[pid] {
			continue
		}
		if err := signalSure(pid, sig, sure); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// locksLimit returns the soft limit of file locks of a process, also of a dead
// one that is not reaped: the mark (see mark_linux.go).
func locksLimit(pid int) uint64 {
	var buf [4096]byte
	n := readProc(pid, "limits", buf[:])
	_, line, ok := bytes.Cut(buf[:n], []byte("\nMax file locks "))
	if !ok {
		return 0
	}
	f := bytes.Fields(line)
	if len(f) == 0 || string(f[0]) == "unlimited" {
		return math.MaxUint64
	}
	v, _ := strconv.ParseUint(string(f[0]), 10, 64)
	return v
}

// environ returns the environment that the process was executed with; nil if it
// does not let us look.
func environ(pid int) []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// envOf returns a variable of the environment of a process, or "".
func envOf(pid int, name string) string {
	for _, kv := range environ(pid) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}
