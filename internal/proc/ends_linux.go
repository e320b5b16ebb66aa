package proc

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ends waits for the ends of processes by their pidfds, all in one goroutine: a
// tree that waits for its deadline costs neither one of its own nor a thread.
// The pidfds are in an epoll instance, which itself is in the netpoller.
//
// The goroutine is there while a leader lives, and no longer: what a program
// has left running when all is done is a leak to many, to the workers of a pool
// for one.
var ends endWatch

type endWatch struct {
	mu      sync.Mutex
	epoll   int      // the instance, once there is a file
	file    *os.File // the same for the netpoller; nil: there is none yet
	raw     syscall.RawConn
	watched map[int]*watchedEnd // by pidfd, whose number may come to mean another
	leaders int                 // that live, whoever waits for them
	there   bool                // the goroutine runs
}

// watchedEnd is asked, when the kernel has news of its process, whether that
// has ended.
type watchedEnd struct {
	pidfd int
	ended func() bool
}

// add has ended called when the kernel has news of the pidfd, until it reports
// true, and owns the pidfd from then on. It returns nil, and the pidfd stays the
// caller's, if it cannot be waited for in this way.
func (w *endWatch) add(pidfd int, ended func() bool) *watchedEnd {
	w.mu.Lock()
	defer w.mu.Unlock()
	if pidfd < 0 || w.file == nil && !w.open() {
		return nil
	}
	news := unix.EpollEvent{Events: unix.EPOLLIN | 1<<31, Fd: int32(pidfd)} // 1<<31 is EPOLLET, negative in x/sys
	if unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, pidfd, &news) != nil {
		return nil
	}
	e := &watchedEnd{pidfd, ended}
	w.watched[pidfd] = e
	w.begin()
	return e
}

// open makes the epoll instance; w.mu is held. It stays for good.
func (w *endWatch) open() bool {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	_ = unix.SetNonblock(fd, true) // the netpoller's condition
	f := os.NewFile(uintptr(fd), "epoll")
	raw, err := f.SyscallConn()
	if err != nil || f.SetReadDeadline(time.Time{}) != nil { // not pollable
		f.Close()
		return false
	}
	w.epoll, w.file, w.raw, w.watched = fd, f, raw, map[int]*watchedEnd{}
	return true
}

// remove forgets a pidfd and closes it, unless that was done before. Nil is none.
func (w *endWatch) remove(e *watchedEnd) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e == nil || w.watched[e.pidfd] != e {
		return
	}
	delete(w.watched, e.pidfd)
	// A child that is just being started may have a copy of it.
	_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, e.pidfd, nil)
	unix.Close(e.pidfd)
}

// come is called for every leader that lives, before its end can be noticed.
func (w *endWatch) come() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaders++
	w.begin()
}

// begin starts the goroutine if it is needed; w.mu is held.
func (w *endWatch) begin() {
	if w.leaders == 0 || w.file == nil || w.there {
		return
	}
	w.there = true
	_ = w.file.SetReadDeadline(time.Time{})
	go w.run()
}

// leave is called for every leader that has ended.
func (w *endWatch) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leaders--; w.leaders == 0 && w.there {
		_ = w.file.SetReadDeadline(time.Unix(0, 1)) // the goroutine wakes up and ends
	}
}

// run waits until no leader is left.
func (w *endWatch) run() {
	for {
		_ = w.raw.Read(func(uintptr) bool {
			w.take()
			return false // until the deadline
		})
		w.mu.Lock()
		if w.leaders == 0 {
			w.there = false
			w.mu.Unlock()
			return
		}
		_ = w.file.SetReadDeadline(time.Time{}) // another leader came meanwhile
		w.mu.Unlock()
	}
}

// take takes all news that there are.
func (w *endWatch) take() {
	var news [64]unix.EpollEvent
	for {
		n, err := unix.EpollWait(w.epoll, news[:], 0)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return
		}
		for _, e := range news[:n] {
			w.tell(int(e.Fd))
		}
	}
}

func (w *endWatch) tell(pidfd int) {
	w.mu.Lock()
	e := w.watched[pidfd]
	w.mu.Unlock()
	if e != nil && e.ended() {
		w.remove(e)
	}
}
