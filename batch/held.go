package batch

import (
	"container/heap"
	"time"
)

// maxWaiting bounds how many tasks wait for a retry: as long as there are so
// many, none is taken from the input.
const maxWaiting = 1 << 16

// held are the tasks between two attempts. None of them has a slot.
type held struct {
	waiting waiting       // for the time of their retry
	passes  [][]*numbered // for each pass after the first, in the order of their cutoffs
}

// addAt holds a task that runs again at a time.
func (h *held) addAt(due time.Time, n *numbered) { heap.Push(&h.waiting, waiter{due, n}) }

// addToPass holds a task for a pass, from 1 for the one after the first.
func (h *held) addToPass(pass int, n *numbered) {
	h.passes[pass-1] = append(h.passes[pass-1], n)
}

// full reports whether no further task may come in.
func (h *held) full() bool { return len(h.waiting) >= maxWaiting }

func (h *held) len() int {
	n := len(h.waiting)
	for _, p := range h.passes {
		n += len(p)
	}
	return n
}

// take takes out a task whose time has come, or else, with pass, one of the
// earliest pass; nil if there is none.
func (h *held) take(pass bool) *numbered {
	if len(h.waiting) > 0 && !time.Now().Before(h.waiting[0].due) {
		return heap.Pop(&h.waiting).(waiter).task
	}
	for i, p := range h.passes {
		if pass && len(p) > 0 {
			n := p[0]
			p[0] = nil // or the slice would keep it
			h.passes[i] = p[1:]
			return n
		}
	}
	return nil
}

// takeAll takes out everything.
func (h *held) takeAll() (all []*numbered) {
	for _, w := range h.waiting {
		all = append(all, w.task)
	}
	h.waiting = nil
	for i, p := range h.passes {
		all = append(all, p...)
		h.passes[i] = nil
	}
	return all
}

// next returns when the next retry is due; false if none waits.
func (h *held) next() (due time.Time, ok bool) {
	if len(h.waiting) == 0 {
		return due, false
	}
	return h.waiting[0].due, true
}

// waiter is a task with the time when it runs again.
type waiter struct {
	due  time.Time
	task *numbered
}

// waiting is a heap, the earliest first.
type waiting []waiter

func (w waiting) Len() int      { return len(w) }
func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(x any)   { *w = append(*w, x.(waiter)) }

func (w waiting) Less(i, j int) bool {
	if !w[i].due.Equal(w[j].due) {
		return w[i].due.Before(w[j].due)
	}
	return w[i].task.attempt.Seq < w[j].task.attempt.Seq
}

func (w *waiting) Pop() any {
	old := *w
	last := old[len(old)-1]
	old[len(old)-1] = waiter{}
	*w = old[:len(old)-1]
	return last
}
