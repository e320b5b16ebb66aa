package proc

import "sync"

// removals removes the cgroups of trees that have ended, one after the other,
// while their callers go on: an empty cgroup holds nobody, and the kernel takes
// from 50 µs to 20 ms to remove one. What is left at the end of the program is its
// keeper's, and what cannot be removed is nobody's failure.
var removals removalQueue

type removalQueue struct {
	mu   sync.Mutex
	dirs []string // the first is being removed
}

// mostRemovals is how many cgroups wait at most. Beyond it trees end faster than
// that, and have to wait.
const mostRemovals = 1000

// add has an empty cgroup removed.
func (q *removalQueue) add(dir string) {
	if !q.later(dir) {
		_ = removeCgroup(dir)
	}
}

func (q *removalQueue) later(dir string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.dirs) == mostRemovals {
		return false
	}
	if q.dirs = append(q.dirs, dir); len(q.dirs) == 1 {
		go q.run(dir)
	}
	return true
}

// run removes dir and all that came behind it, and ends: a goroutine that stays is
// a leak to many, to the workers of a pool for one.
func (q *removalQueue) run(dir string) {
	for dir != "" {
		_ = removeCgroup(dir)
		dir = q.next()
	}
}

// next returns the next one; "" if there is none.
func (q *removalQueue) next() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dirs = q.dirs[1:]; len(q.dirs) == 0 {
		q.dirs = nil
		return ""
	}
	return q.dirs[0]
}
