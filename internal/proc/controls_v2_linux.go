package proc

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// The controllers of cgroup v2. A tree is born in its own cgroup, at the level
// of cgroups only; it has the files of a controller if the cgroup that the
// program runs in hands that on.

// control prepares the limits for a tree in dir, a cgroup of c. A controller is
// in one hierarchy only: what a v1 one keeps, none of these files does.
func (c *cgroupParent) control(s *Spec, dir string) (memory *memoryLimit) {
	if s.Memory != 0 && c.handsOn("memory") {
		memory = limitMemoryV2(dir, s.Memory)
	}
	if s.Resources.Processes != 0 && c.handsOn("pids") {
		// The launcher's own threads would be too many before.
		if f, err := os.OpenFile(path.Join(dir, "pids.max"), os.O_WRONLY, 0); err == nil {
			s.handovers = append(s.handovers[:len(s.handovers):len(s.handovers)], handover{f, count(s.Resources.Processes), resourceProcesses})
		}
	}
	return memory
}

// handsOn sees to it that the trees' cgroups have the controller's files, and
// reports whether they do.
func (c *cgroupParent) handsOn(controller string) bool {
	b, err := readFile(path.Join(c.dir, "cgroup.controllers"))
	return err == nil && slices.Contains(strings.Fields(string(b)), controller) &&
		writeFile(path.Join(c.dir, "cgroup.subtree_control"), "+"+controller) == nil
}

// limitMemoryV2 returns nil if the limit cannot be had: the Watch keeps it.
func limitMemoryV2(dir string, limit int64) *memoryLimit {
	m := memoryGroupV2{dir}
	if err := writeFile(m.file("memory.oom.group"), "1"); err != nil { // all of the tree, not one of it
		return nil
	}
	l, err := newMemoryLimit(m, limit)
	if err != nil {
		return nil
	}
	return l
}

// memoryGroupV2 is a tree's cgroup.
type memoryGroupV2 struct{ dir string }

func (m memoryGroupV2) file(name string) string { return path.Join(m.dir, name) }

// set does not ask for less than what is in use and cannot be dropped: the
// kernel would take it and kill at once, before the work has begun.
func (m memoryGroupV2) set(limit, _ int64) error {
	memory, swap := "max", "max"
	if limit > 0 {
		if m.held() >= limit {
			return errHeld
		}
		memory, swap = count(limit), "0"
	}
	if err := writeFile(m.file("memory.swap.max"), swap); err != nil && !os.IsNotExist(err) { // not every kernel has swap
		return err
	}
	return writeFile(m.file("memory.max"), memory)
}

// held is what is in use and is no cache of files.
func (m memoryGroupV2) held() int64 {
	current, _ := readFile(m.file("memory.current"))
	stat, _ := readFile(m.file("memory.stat"))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(current)), 10, 64)
	return n - keyed(stat, "active_file") - keyed(stat, "inactive_file")
}

// kills reads the counters of this cgroup alone: those below may have limits of
// their own. "oom" counts in the cgroup whose limit was reached, "oom_kill" in
// the one of the victim.
func (m memoryGroupV2) kills(int64) (n int64, reached bool, err error) {
	b, err := readFile(m.file("memory.events.local"))
	if err != nil {
		return 0, false, err
	}
	return keyed(b, "oom_kill"), keyed(b, "oom") > 0, nil
}
