package proc

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// attendance waits for the keeper's end and has another one started: a member
// of a tree may kill first the keeper and then the program. It does so while a
// leader lives, and its goroutine no longer: what a program has left running
// when all is done is a leak to many, to the workers of a pool for one. Where
// there is no pidfd, the next tree brings the new keeper.
type attendance struct {
	mu      sync.Mutex
	leaders int      // that live
	pidfd   *os.File // of the keeper; nil if it cannot be waited for
	there   bool     // the goroutine runs
}

// come is called for every leader that lives.
func (a *attendance) come(k *keeperProcess) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leaders++
	a.begin(k)
}

// leave is called for every leader that has ended.
func (a *attendance) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leaders--; a.leaders == 0 && a.pidfd != nil {
		_ = a.pidfd.SetReadDeadline(time.Unix(0, 1)) // the goroutine wakes up and ends
	}
}

// replace has it wait for another keeper, or for none (-1).
func (a *attendance) replace(k *keeperProcess, pidfd int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pidfd != nil {
		a.pidfd.Close()
		a.pidfd = nil
	}
	if pidfd >= 0 {
		a.pidfd, _ = pollable(pidfd)
	}
	a.begin(k)
}

// begin starts the goroutine if it is needed; a.mu is held.
func (a *attendance) begin(k *keeperProcess) {
	if a.leaders == 0 || a.pidfd == nil {
		return
	}
	_ = a.pidfd.SetReadDeadline(time.Time{})
	if !a.there {
		a.there = true
		go a.attend(k)
	}
}

func (a *attendance) attend(k *keeperProcess) {
	for f := a.next(); f != nil; f = a.next() {
		switch err := awaitEnded(f); {
		case err == nil:
			k.renew()
		case !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, os.ErrClosed):
			a.replace(k, -1) // it cannot be waited for
		}
	}
}

// next returns what is to be waited for; nil ends the goroutine.
func (a *attendance) next() *os.File {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.there = a.leaders > 0 && a.pidfd != nil; !a.there {
		return nil
	}
	return a.pidfd
}

// awaitEnded returns nil when the process of the pidfd has ended.
func awaitEnded(pidfd *os.File) error {
	raw, err := pidfd.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0
	})
}

// renew starts another keeper if there is none that lives.
func (k *keeperProcess) renew() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = k.ensure()
}
