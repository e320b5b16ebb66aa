package proc

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// noted is a descriptor that is ready as the pidfd of a process is that has
// ended, if it is made so.
func noted(t *testing.T, ready bool) int {
	t.Helper()
	n := uint(0)
	if ready {
		n = 1
	}
	fd, err := unix.Eventfd(n, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// rest waits until the goroutine has ended.
func (w *endWatch) rest(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(bound); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		there, leaders := w.there, w.leaders
		w.mu.Unlock()
		if !there && leaders == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d leaders, the goroutine there: %v", leaders, there)
		}
	}
	if w.file != nil {
		w.file.Close()
	}
}

// TestEndsInTurn: another leader comes, and ends, while the end of the last one
// is being told.
func TestEndsInTurn(t *testing.T) {
	var w endWatch
	gone := func() bool { w.leave(); return true }
	first := noted(t, false)
	w.come()
	w.add(first, func() bool {
		w.leave()
		w.come()
		w.add(noted(t, true), gone)
		return true
	})
	if _, err := unix.Write(first, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	w.rest(t)
}

// TestEndsOfOthers: who is waited for besides leaders is so while one of them
// lives, also if it comes later.
func TestEndsOfOthers(t *testing.T) {
	var w endWatch
	w.come() // of a leader that is waited for elsewhere
	told := make(chan struct{})
	w.add(noted(t, true), func() bool { close(told); return true })
	select {
	case <-told:
	case <-time.After(bound):
		t.Error("not told")
	}
	w.leave()
	w.rest(t)
}

// TestEndsRemoved: a descriptor is removed once, though its number is another's
// by then.
func TestEndsRemoved(t *testing.T) {
	var w endWatch
	w.remove(nil)
	w.come()
	e := w.add(noted(t, false), func() bool { return true })
	w.remove(e)
	fd := noted(t, false)
	other := w.add(fd, func() bool { return true })
	e.pidfd = fd // which the kernel is free to give again
	w.remove(e)
	if w.watched[fd] != other {
		t.Error("another's was removed")
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		t.Errorf("another's was closed: %v", err)
	}
	w.remove(other)
	w.leave()
	w.rest(t)
}
