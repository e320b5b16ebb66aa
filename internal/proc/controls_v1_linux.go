package proc

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The v1 hierarchies of the controllers. The program has one cgroup of its own
// in each, named and locked as the one of the cgroup level, and in that one for
// each tree that has a limit. A process cannot be born in a cgroup v1: the
// leader joins it itself. A move takes the kernel some milliseconds; only trees
// with a limit pay for it.
//
// These cgroups hold nobody: to kill the tree is the level's affair.

// hierarchyV1 is the hierarchy of one controller.
type hierarchyV1 struct {
	controller string
	limit      string // a file that must be there
	tell       byte   // how the keeper is told of it
	own        func() (*cgroupParent, error)
}

var (
	memoryV1      = newHierarchyV1("memory", "memory.limit_in_bytes", tellMemory)
	pidsV1        = newHierarchyV1("pids", "pids.max", tellPids)
	hierarchiesV1 = []*hierarchyV1{memoryV1, pidsV1}
)

func newHierarchyV1(controller, limit string, tell byte) *hierarchyV1 {
	h := &hierarchyV1{controller: controller, limit: limit, tell: tell}
	h.own = sync.OnceValues(h.open)
	return h
}

// open makes the program's own cgroup, and tries what a tree will need.
func (h *hierarchyV1) open() (*cgroupParent, error) {
	if privileged() {
		return nil, errors.New("this program was given rights that its user does not have")
	}
	base, err := h.base()
	if err != nil {
		return nil, err
	}
	removeAbandoned(base, rmdirAll)
	c, err := makeOwn(base)
	for range 2 {
		if errors.Is(err, errTaken) {
			c, err = makeOwn(base)
		}
	}
	if err != nil {
		return nil, err
	}
	g, err := newGroupV1(c)
	if err == nil {
		for _, name := range []string{h.limit, "cgroup.procs"} {
			if err == nil {
				err = unix.Access(g.file(name), unix.W_OK)
			}
		}
		g.remove()
	}
	if err != nil {
		_ = removeCgroup(c.dir)
		c.lock.Close()
		return nil, err
	}
	keeper.removeLater(h.tell, path.Base(c.dir))
	return c, nil
}

// newGroup makes a cgroup for a tree.
func (h *hierarchyV1) newGroup() (groupV1, error) {
	c, err := h.own()
	if err != nil {
		return groupV1{}, err
	}
	return newGroupV1(c)
}

// groupV1 is one tree's cgroup.
type groupV1 struct{ dir string }

func newGroupV1(c *cgroupParent) (groupV1, error) {
	g := groupV1{path.Join(c.dir, "t"+strconv.FormatInt(c.next.Add(1), 10))}
	if err := unix.Mkdir(g.dir, 0o755); err != nil {
		return g, &os.PathError{Op: "mkdir", Path: g.dir, Err: err}
	}
	return g, nil
}

func (g groupV1) file(name string) string { return path.Join(g.dir, name) }

// handTo has the leader join.
func (g groupV1) handTo(s *Spec, what resource) error {
	f, err := os.OpenFile(g.file("cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	s.handovers = append(s.handovers[:len(s.handovers):len(s.handovers)], handover{f, "0", what}) // 0 is who writes
	return nil
}

func (g groupV1) remove() { _ = removeCgroup(g.dir) }

// release moves the members to where the program is, and removes the cgroup.
func (g groupV1) release() {
	outside := path.Join(path.Dir(path.Dir(g.dir)), "cgroup.procs")
	for end := time.Now().Add(clearBound); time.Now().Before(end); {
		pids, err := (&cgroupHold{dir: g.dir}).members()
		if err != nil || len(pids) == 0 {
			break
		}
		for _, pid := range pids {
			_ = writeFile(outside, strconv.Itoa(pid)) // it may have ended
		}
	}
	g.remove()
}

// memoryGroupV1 is a tree's cgroup in the memory hierarchy.
type memoryGroupV1 struct{ groupV1 }

// set never lets the limit of memory be above the one of memory and swap
// together, which the kernel refuses.
func (m memoryGroupV1) set(limit, was int64) error {
	files := []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}
	value := count(limit)
	if limit == 0 {
		value = "-1"
	} else if err := writeFile(m.file("memory.oom_control"), "0"); err != nil { // should the killing be off in the cgroups above: it is inherited
		return err
	}
	if was != 0 && (limit == 0 || limit > was) {
		files[0], files[1] = files[1], files[0]
	}
	for _, f := range files {
		err := writeFile(m.file(f), value)
		if errors.Is(err, unix.EBUSY) {
			return errHeld
		}
		if err != nil && (!strings.Contains(f, "memsw") || !errors.Is(err, os.ErrNotExist)) { // not every kernel counts swap
			return err
		}
	}
	for _, f := range peaksV1 { // from now on
		_ = writeFile(m.file(f), "0")
	}
	return nil
}

// errHeld is why the kernel cannot take a limit: as much is in use already.
var errHeld = errors.New("more memory than that is in use")

// peaksV1 are the files with the most that was ever used, without swap and
// with it.
var peaksV1 = []string{"memory.max_usage_in_bytes", "memory.memsw.max_usage_in_bytes"}

// oomSlack is how far below the limit the usage may be when the kernel kills:
// by the piece of memory that was asked for last.
const oomSlack = 1 << 20

// kills reads a counter that tells nothing of the reason: the kernel counts the
// victims of this cgroup, also those of a limit further up or of the machine's
// shortage. If the usage has never come up to the limit, it was not the limit.
func (m memoryGroupV1) kills(limit int64) (n int64, reached bool, err error) {
	b, err := readFile(m.file("memory.oom_control"))
	if err != nil {
		return 0, false, err
	}
	if n = keyed(b, "oom_kill"); n == 0 || limit == 0 {
		return n, false, nil
	}
	for _, f := range peaksV1 {
		if b, err := readFile(m.file(f)); err == nil {
			peak, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
			reached = reached || peak+oomSlack >= limit
		}
	}
	return n, reached, nil
}

// keyed reads a line "KEY NUMBER" of a cgroup's file; 0 if it is not there.
func keyed(b []byte, key string) int64 {
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, key+" "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}

// count is a limit as the files take it.
func count(n int64) string { return strconv.FormatInt(n, 10) }
