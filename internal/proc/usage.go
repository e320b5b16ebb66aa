package proc

import "time"

// Usage is what a whole tree uses, whichever of its processes does.
type Usage struct {
	// User and System are the processor times of all members so far, also of
	// those that have ended.
	User, System time.Duration
	// RSS is the resident memory of the living members, in bytes. Pages that
	// several of them share count for each, so it is an upper bound.
	RSS int64
	// Processes is how many members live.
	Processes int
}

// CPU is user and system time together.
func (u Usage) CPU() time.Duration { return u.User + u.System }

// Usage measures the tree now. It costs some file reads, for each member one
// or two. Its error is errors.ErrUnsupported where the system has no means.
// Times never go back from one call to the next.
func (t *Tree) Usage() (Usage, error) {
	t.measure.Lock()
	defer t.measure.Unlock()
	return t.measure.usage(t)
}

// Bounds are the limits of a tree that need measuring. Zero means none.
type Bounds struct {
	CPU    time.Duration // user and system time of all members
	Memory int64         // bytes that the members hold at a time
}

// Exceeded names a bound that a tree has passed.
type Exceeded int

// What a look may find.
const (
	Within       Exceeded = iota
	CPUExceeded           // it used more processor time than it may
	MemoryWatch           // it holds more memory than it may
	MemoryKernel          // the kernel has killed a member for the tree's own memory limit
)

// How often a watched tree is looked at.
const (
	// MemoryInterval is the time between two looks at a tree's memory, unless
	// a look takes so long that this would cost more than a fiftieth of a
	// processor.
	MemoryInterval = 20 * time.Millisecond
	memoryShare    = 50
	// cpuInterval bounds how closely the end of the processor time is watched,
	// for a moment only, so that it may cost more.
	cpuInterval = 2 * time.Millisecond
	cpuShare    = 4
)

// Watch holds a tree against its bounds. It keeps no clock: whoever owns it
// calls Look when the time that Look gave has passed. It is for one goroutine.
type Watch struct {
	tree   *Tree
	bounds Bounds
	cpus   int
	before time.Duration // processor time that does not count
	kills  OOM           // that do not count
	cost   time.Duration // of the cheapest look: others were interrupted
}

// Watch begins to hold the tree against b, from what it has used until now. It
// returns nil if there is nothing to watch.
func (t *Tree) Watch(b Bounds) *Watch {
	if b == (Bounds{}) {
		return nil
	}
	w := &Watch{tree: t, bounds: b, cpus: processors(), kills: t.OOM()}
	if b.CPU > 0 {
		u, _ := t.Usage() // Look will tell
		w.before = u.CPU()
	}
	return w
}

// WatchAll is Watch for a tree that has just been started: all that it ever
// used counts. Where it can, the kernel keeps the bound on processor time too,
// loosely: should this program be stopped, it ends the leader, see Netted.
func (t *Tree) WatchAll(b Bounds) *Watch {
	if b == (Bounds{}) {
		return nil
	}
	if b.CPU > 0 {
		t.netCPU(b.CPU)
	}
	return &Watch{tree: t, bounds: b, cpus: processors()}
}

// Netted reports whether the kernel was first to end the leader for its
// processor time: see WatchAll.
func (t *Tree) Netted(limit time.Duration) bool {
	select {
	case <-t.exited:
		return limit > 0 && t.status.CPU() >= limit && t.status.mayBeCPULimit() && t.OOM() == (OOM{})
	default:
		return false
	}
}

// First is when to look first.
func (w *Watch) First() time.Duration { return w.next(0) }

// Look measures the tree. next is how long the answer Within is good for.
func (w *Watch) Look() (e Exceeded, next time.Duration) {
	var used time.Duration
	var err error
	cost := workOf(func() { e, used, err = w.look() })
	switch {
	case e != Within:
		return e, 0
	case err != nil:
		return Within, time.Second // a tree that cannot be measured just now
	}
	if w.cost == 0 || cost < w.cost {
		w.cost = cost
	}
	return Within, w.next(used)
}

// look also returns the processor time that counts.
func (w *Watch) look() (e Exceeded, used time.Duration, err error) {
	if w.bounds.Memory > 0 && w.OOM().Own > 0 {
		return MemoryKernel, 0, nil
	}
	u, err := w.tree.Usage()
	if err != nil {
		return Within, 0, err
	}
	if w.bounds.Memory > 0 && u.RSS > w.bounds.Memory && w.tree.holdsMore(w.bounds.Memory) {
		return MemoryWatch, 0, nil
	}
	if used = u.CPU() - w.before; w.bounds.CPU > 0 && used >= w.bounds.CPU {
		return CPUExceeded, used, nil
	}
	return Within, used, nil
}

// next is when to look again. The bound on processor time cannot be reached
// sooner than by all processors together.
func (w *Watch) next(used time.Duration) time.Duration {
	next := time.Hour
	if w.bounds.CPU > 0 {
		next = max((w.bounds.CPU-used)/time.Duration(w.cpus), cpuInterval, cpuShare*w.cost)
	}
	if w.bounds.Memory > 0 {
		next = min(next, max(MemoryInterval, memoryShare*w.cost))
	}
	return next
}

// OOM is what the kernel's counters say of the time since the watch began.
func (w *Watch) OOM() OOM {
	return w.tree.OOM().Since(w.kills)
}

// OOM is what the kernel says of kills in the tree for want of memory; zero
// where it says nothing.
type OOM struct {
	Own       int64 // members that were killed for the tree's own limit
	Elsewhere int64 // members that were killed for another limit, or the machine's shortage
}

// Since is what came after before.
func (o OOM) Since(before OOM) OOM {
	return OOM{Own: o.Own - before.Own, Elsewhere: o.Elsewhere - before.Elsewhere}
}

// OOM reads the counters. After Close it returns what they were then. Of a
// leader that was killed, and not by us, the kernel's log may tell too.
func (t *Tree) OOM() OOM {
	o := t.controls.oom()
	if o == (OOM{}) && killedByKernel(t) {
		o.Elsewhere = 1
	}
	return o
}
