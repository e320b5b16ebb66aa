package proc

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// KeeperError returns why nothing stands by to kill the trees should the
// program be killed; nil if the keeper is there or no tree was started yet.
func KeeperError() error {
	keeper.mu.Lock()
	defer keeper.mu.Unlock()
	return keeper.err
}

// spawn starts the leader and returns its pid and a pidfd, or -1 where the
// kernel has none. attr carries what the level asks for.
func spawn(s Spec, attr *syscall.SysProcAttr) (pid, pidfd int, err error) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, -1, &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	defer unix.Close(null)
	fds := make([]uintptr, max(3, len(s.Files)))
	for i := range fds {
		switch {
		case i < len(s.Files) && s.Files[i] != nil:
			fds[i] = s.Files[i].Fd()
		case i < 3:
			fds[i] = uintptr(null)
		default:
			fds[i] = ^uintptr(0) // stays closed
		}
	}
	pidfd = -1
	attr.PidFD = &pidfd
	attr.Setpgid = !s.Foreground
	attr.Pdeathsig = s.LastSignal
	if s.Env == nil {
		s.Env = []string{} // nil would mean ours
	}
	pid, _, err = syscall.StartProcess(s.Path, s.Args, &syscall.ProcAttr{Dir: s.Dir, Env: s.Env, Files: fds, Sys: attr})
	runtime.KeepAlive(s.Files) // their descriptors must not be closed before
	if err == nil {
		return pid, pidfd, nil
	}
	if s.Dir != "" { // the errno does not say which of the two failed
		if fi, e := os.Stat(s.Dir); e != nil {
			return 0, -1, &os.PathError{Op: "chdir", Path: s.Dir, Err: e.(*os.PathError).Err}
		} else if !fi.IsDir() {
			return 0, -1, &os.PathError{Op: "chdir", Path: s.Dir, Err: syscall.ENOTDIR}
		}
	}
	return 0, -1, &os.PathError{Op: "fork/exec", Path: s.Path, Err: err}
}

// lenient reports whether the leader may act on its last signal.
func (s Spec) lenient() bool { return s.LastSignal != 0 && s.LastSignal != syscall.SIGKILL }

// signalLeader signals the leader alone.
func (t *Tree) signalLeader(sig syscall.Signal) error {
	return t.unreaped(func() error { return ignoreGone(unix.Kill(t.pid, sig)) })
}

// isZombie reports whether a child of ours has ended and is not reaped.
func isZombie(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	// Of a child that has us trace it (PTRACE_TRACEME) the kernel tells the stops
	// as well, whatever was asked for: CLD_TRAPPED and CLD_STOPPED are no end.
	return err == nil && info.Signo != 0 && info.Code >= cldExited && info.Code <= cldDumped
}

// The codes of an end in siginfo_t, which x/sys does not name.
const (
	cldExited = 1
	cldDumped = 3
)

// wake continues stopped members.
func (t *Tree) wake() error { return t.hold.signal(t, syscall.SIGCONT) }

// ignoreGone drops the error that says that the process has ended already.
func ignoreGone(err error) error {
	if err == unix.ESRCH {
		return nil
	}
	return err
}
