package proc

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watch reaps the leader when it ends, from another goroutine. Nobody else
// waits for it, and it waits for nobody else: a wait for any child would steal
// the children of os/exec.
func (t *Tree) watch(pidfd int, onStop func(syscall.Signal)) {
	awaited.add(t.pid)
	ends.come()
	if onStop == nil && ends.add(pidfd, func() bool { return t.reap(nil) }) != nil {
		return
	}
	if pidfd >= 0 {
		unix.Close(pidfd)
	}
	go t.waitBlocking(onStop)
}

// waitBlocking waits in a thread. The event is looked at first and consumed
// under the lock, so that the pid stays the leader's for whoever holds it.
func (t *Tree) waitBlocking(onStop func(syscall.Signal)) {
	events := unix.WEXITED | unix.WNOWAIT
	if onStop != nil {
		events |= unix.WSTOPPED | unix.WCONTINUED
	}
	for {
		err := unix.Waitid(unix.P_PID, t.pid, nil, events, nil)
		if err == unix.EINTR {
			continue
		}
		if t.reap(onStop) {
			return
		}
	}
}

// reap takes one event of the leader, if there is one, and reports whether it
// was its end. Stops and continuations are told to onStop, if it is not nil. A
// stop under ptrace comes without being asked for: see isZombie.
func (t *Tree) reap(onStop func(syscall.Signal)) bool {
	flags := unix.WNOHANG
	if onStop != nil {
		flags |= unix.WUNTRACED | unix.WCONTINUED
	}
	t.mu.Lock()
	ws, ru, pid := t.wait4(flags)
	stopped, continued := pid == t.pid && ws.Stopped(), pid == t.pid && ws.Continued()
	ended := pid != 0 && !stopped && !continued
	if ended {
		t.finish(pid, ws, ru)
	}
	t.mu.Unlock()
	switch {
	case onStop == nil:
	case stopped:
		onStop(ws.StopSignal())
	case continued:
		onStop(syscall.SIGCONT)
	}
	return ended
}

// wait4 returns pid 0 if there is nothing to be had yet, and -1 if the leader
// is not our child any more (somebody else has reaped it).
func (t *Tree) wait4(flags int) (ws syscall.WaitStatus, ru syscall.Rusage, pid int) {
	for {
		pid, err := syscall.Wait4(t.pid, &ws, flags, &ru)
		if err != syscall.EINTR {
			return ws, ru, pid
		}
	}
}

// finish records the end; t.mu is held. A status that somebody else took is
// unknown: it must not look like a success.
func (t *Tree) finish(pid int, ws syscall.WaitStatus, ru syscall.Rusage) {
	st := Status{ExitCode: -1, Ended: time.Now()}
	switch {
	case pid != t.pid:
	case ws.Exited():
		st.ExitCode = ws.ExitStatus()
	case ws.Signaled():
		st.Signal, st.CoreDumped = ws.Signal(), ws.CoreDump()
	}
	st.User = time.Duration(ru.Utime.Nano())
	st.System = time.Duration(ru.Stime.Nano())
	st.MaxRSS = int64(ru.Maxrss) << 10 // the kernel counts in KiB
	t.status, t.reaped = st, true
	awaited.remove(t.pid)
	ends.leave()
	close(t.exited)
}
