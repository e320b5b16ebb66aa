package proc

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The limits that the kernel itself keeps for a tree, where they can be had:
// memory, and how many processes. Both are controllers of cgroups, and there
// are two kinds of these:
//
//   - the tree's own cgroup v2, if that hierarchy has the controller here and
//     the level is Cgroup (controls_v2_linux.go);
//   - else a cgroup of the controller's v1 hierarchy, made for the tree, at
//     every level (controls_v1_linux.go).
//
// The leader is limited before it becomes the command: the launcher does the
// last step itself, by a write to a file that it is handed (see handover). So
// whatever it starts is limited, too.

// controls are the kernel's own limits of one tree.
type controls struct {
	made   []groupV1    // the cgroups v1 that were made for it
	memory *memoryLimit // nil: none
}

// handover is a write that puts the leader under a limit: the launcher does it
// right before it becomes the command, a worker on its way to main.
type handover struct {
	file *os.File // of a cgroup
	text string
	what resource // that is not had if it fails; resourceNone: the work goes on without
}

// control prepares the limits that are the same at every level: those of the
// v1 hierarchies. The leader has to do what the handovers say of the spec
// that it returns, and whoever starts it closes these files.
func control(s Spec) (_ Spec, c controls) {
	if s.Memory != 0 {
		if g, err := memoryV1.newGroup(); err == nil {
			c.limitMemory(&s, g)
		}
	}
	if s.Resources.Processes != 0 {
		if g, err := pidsV1.newGroup(); err == nil {
			c.limitProcesses(&s, g)
		}
	}
	return s, c
}

// limitMemory is for control. The Watch keeps the limit where a step fails.
func (c *controls) limitMemory(s *Spec, g groupV1) {
	l, err := newMemoryLimit(memoryGroupV1{g}, s.Memory)
	if err == nil {
		err = g.handTo(s, resourceNone)
	}
	if err != nil {
		g.remove()
		return
	}
	c.made, c.memory = append(c.made, g), l
}

// limitProcesses is for control. RLIMIT_NPROC is what is left where a step
// fails, or nothing: see launch.
func (c *controls) limitProcesses(s *Spec, g groupV1) {
	err := writeFile(g.file("pids.max"), count(s.Resources.Processes))
	if err == nil {
		err = g.handTo(s, resourceProcesses)
	}
	if err != nil {
		g.remove()
		return
	}
	c.made = append(c.made, g)
}

// closeHandovers closes the files that were for the leader.
func closeHandovers(all []handover) {
	for _, h := range all {
		h.file.Close()
	}
}

// hands reports whether the resource is had by a handover.
func (s Spec) hands(r resource) bool {
	for _, h := range s.handovers {
		if h.what == r {
			return true
		}
	}
	return false
}

// add takes over what was made elsewhere.
func (c *controls) add(other controls) {
	c.made = append(c.made, other.made...)
	if other.memory != nil {
		c.memory = other.memory
	}
}

// remove gives back what was made for the tree, when nothing lives in it. What
// cannot be removed now, the keeper or the next program will.
func (c *controls) remove() {
	for _, g := range c.made {
		g.remove()
	}
}

// release is remove for members that live on: without the limits.
func (c *controls) release() {
	for _, g := range c.made {
		g.release()
	}
}

func (c *controls) oom() OOM {
	if c.memory == nil {
		return OOM{}
	}
	return c.memory.oom()
}

// LimitMemory has the kernel keep the tree's memory below so many bytes from
// now on, 0: no more, if Spec.Memory prepared for it and the kernel can. If it
// cannot, no limit of the kernel holds, and a Watch alone keeps the bound.
func (t *Tree) LimitMemory(limit int64) {
	if t.controls.memory != nil {
		_ = t.controls.memory.set(limit)
	}
}

// kernelLimit is what the kernel is told. It counts more than the watch does,
// the cache of files and its own memory for the tree; and at a limit that the
// tree's data fills to the brim it may read the programs' own pages from disk
// again and again, for a minute, before it kills. So there is room above the
// limit, and what grows into it slowly enough to be seen is the watch's.
func kernelLimit(limit int64) int64 { return limit + limit/8 + 16<<20 }

// memoryLimit is a limit of memory that the kernel keeps.
type memoryLimit struct {
	files memoryFiles

	mu      sync.Mutex
	limit   int64 // the kernel's; 0: none
	seen    int64 // kills that are counted
	counted OOM
}

// memoryFiles are the files of one cgroup.
type memoryFiles interface {
	// set limits the memory to so many bytes; 0: not at all. was is the limit
	// until now.
	set(limit, was int64) error
	// kills tells how many members were killed for want of memory so far, and
	// whether the limit was reached.
	kills(limit int64) (n int64, reached bool, err error)
}

func newMemoryLimit(files memoryFiles, limit int64) (*memoryLimit, error) {
	l := &memoryLimit{files: files}
	if limit == MemoryLater {
		return l, nil
	}
	return l, l.set(limit)
}

// set changes the limit; 0: none. If it fails there is none.
func (l *memoryLimit) set(limit int64) error {
	if limit > 0 {
		limit = kernelLimit(limit)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit == l.limit {
		return nil
	}
	l.count() // by the limit that held until now
	if err := l.files.set(limit, l.limit); err != nil {
		_ = l.files.set(0, limit)
		l.limit = 0
		return err
	}
	l.limit = limit
	return nil
}

// oom reads the counters. When they are removed it is as it was.
func (l *memoryLimit) oom() OOM {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count()
	return l.counted
}

// count takes the kills since the last time into account; l.mu is held.
func (l *memoryLimit) count() {
	n, reached, err := l.files.kills(l.limit)
	if err != nil || n <= l.seen {
		return
	}
	if reached {
		l.counted.Own += n - l.seen
	} else {
		l.counted.Elsewhere += n - l.seen
	}
	l.seen = n
}

// do is for the launcher, or the worker. A raw system call: see execution.
func (h handover) do() error {
	text := []byte(h.text)
	_, _, errno := unix.RawSyscall(unix.SYS_WRITE, h.file.Fd(), uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	if errno != 0 {
		return errno
	}
	return nil
}

// parseHandovers reads what Spec.ordered writes: "[FD:TEXT:RESOURCE,…]". Who
// sets the variable by hand has nothing written to his files.
func parseHandovers(list string) (all []handover, err error) {
	list = strings.Trim(list, "[]")
	if list == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(list, ",") {
		var fd uintptr
		var n int64
		var what resource
		if _, err := fmt.Sscanf(item, "%d:%d:%d", &fd, &n, &what); err != nil {
			return nil, err
		}
		if !isCgroupFile(int(fd)) {
			return nil, unix.EBADF
		}
		unix.CloseOnExec(int(fd))
		all = append(all, handover{os.NewFile(fd, "cgroup"), count(n), what})
	}
	return all, nil
}

// isCgroupFile reports whether the descriptor is one of a cgroup's files.
func isCgroupFile(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && (int64(st.Type) == unix.CGROUP_SUPER_MAGIC || int64(st.Type) == unix.CGROUP2_SUPER_MAGIC)
}
