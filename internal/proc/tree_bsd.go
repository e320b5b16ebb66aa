//go:build darwin || freebsd

package proc

import (
	"os"
	"syscall"
	"time"
)

// Here a tree is a process group. What leaves it is lost: see
// docs/CONTAINMENT.md.

// known are this system's levels, the strongest first.
var known = []Level{Group}

// Start starts a tree. Its error is an *os.PathError as os.StartProcess
// returns it.
func Start(s Spec) (*Tree, error) {
	if _, err := Find(s.Level); err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	files := make([]*os.File, max(3, len(s.Files)))
	copy(files, s.Files)
	for i := range 3 {
		if files[i] == nil {
			files[i] = null
		}
	}
	if s.Env == nil {
		s.Env = []string{} // nil would mean ours
	}
	p, err := os.StartProcess(s.Path, s.Args, &os.ProcAttr{
		Dir: s.Dir, Env: s.Env, Files: files,
		Sys: &syscall.SysProcAttr{Setpgid: !s.Foreground},
	})
	if err != nil {
		return nil, err
	}
	pid := p.Pid
	_ = p.Release() // we wait by pid
	t := newTree(pid, groupHold{foreground: s.Foreground})
	go t.watch(s.OnStop)
	return t, nil
}

// watch reaps the leader when it ends. Nobody else waits for it.
func (t *Tree) watch(onStop func(syscall.Signal)) {
	flags := 0
	if onStop != nil {
		flags = syscall.WUNTRACED | wcontinued
	}
	for {
		var ws syscall.WaitStatus
		var ru syscall.Rusage
		pid, err := syscall.Wait4(t.pid, &ws, flags, &ru)
		switch {
		case err == syscall.EINTR:
		case err == nil && ws.Stopped():
			onStop(ws.StopSignal())
		case err == nil && ws.Continued():
			onStop(syscall.SIGCONT)
		default:
			t.finish(pid, ws, ru)
			return
		}
	}
}

// finish records the end. A status that somebody else took is unknown: it must
// not look like a success.
func (t *Tree) finish(pid int, ws syscall.WaitStatus, ru syscall.Rusage) {
	t.mu.Lock()
	defer t.mu.Unlock()
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
	st.MaxRSS = ru.Maxrss * maxRSSUnit
	t.status, t.reaped = st, true
	close(t.exited)
}

func (t *Tree) wake() error { return t.hold.signal(t, syscall.SIGCONT) }

// groupHold holds one tree.
type groupHold struct{ foreground bool }

func (groupHold) level() Level { return Group }

// signal signals the group. The group outlives its leader as long as it has
// members, and its number is not given away before.
func (h groupHold) signal(t *Tree, sig syscall.Signal) error {
	if h.foreground { // the group is the caller's: the leader alone
		return t.unreaped(func() error { return ignoreGone(syscall.Kill(t.pid, sig)) })
	}
	return ignoreGone(syscall.Kill(-t.pid, sig))
}

func (h groupHold) kill(t *Tree) error { return h.signal(t, syscall.SIGKILL) }

// clear kills the group and waits until it has no members. How many there were
// the system does not tell, so that a leak counts as one.
func (h groupHold) clear(t *Tree) (left int, err error) {
	if h.foreground {
		return 0, h.kill(t)
	}
	for end := time.Now().Add(clearBound); ; time.Sleep(time.Millisecond) {
		// EPERM: only dead members are left (Darwin).
		if err := syscall.Kill(-t.pid, syscall.SIGKILL); err == syscall.ESRCH || err == syscall.EPERM {
			return left, nil
		}
		left = 1
		if time.Now().After(end) {
			return left, errSurvivors
		}
	}
}

// release has nothing to give back.
func (groupHold) release(*Tree) error { return nil }

func signalProcess(pid int, sig syscall.Signal) error { return ignoreGone(syscall.Kill(pid, sig)) }

func ignoreGone(err error) error {
	if err == syscall.ESRCH {
		return nil
	}
	return err
}
