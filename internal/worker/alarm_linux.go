package worker

// This file runs in the program that owns the pool.

import (
	"container/heap"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// An alarm is what a time.Timer is, some twenty times as exact: Go's timers are
// half a millisecond late, since its poller waits in whole milliseconds. It is
// for one goroutine.
type alarm struct {
	at    time.Time
	place int // in the clock's heap, from 1; 0: not set
	rings chan struct{}
}

func newAlarm() *alarm { return &alarm{rings: make(chan struct{}, 1)} }

// Reset makes the alarm ring after d, and not at the time set before. A ring
// that was not heard yet may still be there. It reports whether one was set.
func (a *alarm) Reset(d time.Duration) bool { return theClock.set(a, time.Now().Add(d)) }

// Stop makes it ring no more. It reports whether it would have.
func (a *alarm) Stop() bool { return theClock.set(a, time.Time{}) }

// clock rings all alarms of the program from a thread of its own, which wakes
// up when the kernel's timer fires, and not up to 50 µs later as threads do by
// default. The thread is there while an alarm is set and a moment longer.
type clock struct {
	mu     sync.Mutex
	alarms alarmHeap
	runs   bool
	until  time.Time     // when the thread looks again by itself
	word   atomic.Uint32 // changes when it must look sooner; it sleeps on it
}

var theClock clock

const (
	// clockLinger is how long the thread waits for a further alarm.
	clockLinger = 100 * time.Millisecond
	// clockNap is how long it sleeps at most. Most alarms are stopped, which
	// nobody tells it: so few calls have to wake it.
	clockNap = time.Second
)

func (c *clock) set(a *alarm, at time.Time) (was bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was = a.place > 0; was {
		heap.Remove(&c.alarms, a.place-1)
	}
	if at.IsZero() {
		return was
	}
	a.at = at
	heap.Push(&c.alarms, a)
	switch {
	case !c.runs:
		c.runs = true
		go c.run()
	case at.Before(c.until):
		c.word.Add(1)
		wakeOn(&c.word, futexWake|futexPrivate)
	}
	return was
}

func (c *clock) run() {
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for lingers := false; ; {
		c.mu.Lock()
		now := time.Now()
		for len(c.alarms) > 0 && !now.Before(c.alarms[0].at) {
			heap.Pop(&c.alarms).(*alarm).ring()
		}
		idle := len(c.alarms) == 0
		if idle && lingers {
			c.runs = false
			c.mu.Unlock()
			return
		}
		lingers = idle
		wait := clockLinger
		if !idle {
			wait = min(c.alarms[0].at.Sub(now), clockNap)
		}
		c.until = now.Add(wait)
		word := c.word.Load()
		c.mu.Unlock()
		sleepOn(&c.word, futexWait|futexPrivate, word, wait)
	}
}

func (a *alarm) ring() {
	select {
	case a.rings <- struct{}{}:
	default: // it has not heard the last one yet
	}
}

// alarmHeap implements heap.Interface; the first rings first.
type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

// Push is for package heap.
func (h *alarmHeap) Push(x any) {
	a := x.(*alarm)
	*h = append(*h, a)
	a.place = len(*h)
}

// Pop is for package heap.
func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	a.place = 0
	return a
}
