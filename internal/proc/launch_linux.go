package proc

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The launcher: a leader that marks itself before it becomes the command. It
// is this program's executable, which init makes a launcher, so that main does
// not run; it costs one more execution, a millisecond or two. A worker, which
// is this executable anyway, marks itself on its way to main.

// launchVar is "DESCRIPTOR IGNORED PATH": where to report a failure, the set
// of signals that the command has to ignore, and the command.
const launchVar = "CUTOFF_LAUNCH"

// selfPath is this program's executable, whatever has taken its name since.
const selfPath = "/proc/self/exe"

// launchBound is how long a launcher may take; others' package initialization
// runs in it before ours.
const launchBound = 30 * time.Second

// launch starts the leader of a tree with its mark on.
func launch(s Spec, m mark) (pid, pidfd int, err error) {
	s.Env = m.env(s.Env)
	if !mayLimit() || s.Path == selfPath || privileged() {
		return spawn(s, &syscall.SysProcAttr{})
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, -1, err
	}
	defer r.Close()
	defer w.Close()
	path := s.Path
	report := max(3, len(s.Files))
	files := make([]*os.File, report+1)
	copy(files, s.Files)
	s.Files, files[report] = files, w
	s.Env = append(s.Env, fmt.Sprintf("%s=%d %x %s", launchVar, report, ignoredSignals(), path))
	s.Path = selfPath
	pid, pidfd, err = spawn(s, &syscall.SysProcAttr{})
	if err != nil {
		return 0, -1, err
	}
	w.Close()
	if err := launched(r); err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		if pidfd >= 0 {
			unix.Close(pidfd)
		}
		return 0, -1, &os.PathError{Op: "fork/exec", Path: path, Err: err}
	}
	return pid, pidfd, nil
}

// launched waits until the launcher has become the command, which closes the
// pipe, or says why it could not.
func launched(r *os.File) error {
	_ = r.SetReadDeadline(time.Now().Add(launchBound))
	var errno [4]byte
	n, err := r.Read(errno[:])
	switch {
	case n == len(errno):
		return syscall.Errno(binary.NativeEndian.Uint32(errno[:]))
	case os.IsTimeout(err):
		return errSlowLauncher
	}
	return nil // or it was killed: the watch will see
}

var errSlowLauncher = fmt.Errorf("the launcher did not come up in %v: is a package's init too slow?", launchBound)

// ignoredSignals returns the set of signals that this program ignores: the Go
// runtime of the launcher would not leave them so.
func ignoredSignals() uint64 {
	var buf [4096]byte
	n := readProc(os.Getpid(), "status", buf[:])
	_, line, _ := strings.Cut(string(buf[:n]), "\nSigIgn:\t")
	line, _, _ = strings.Cut(line, "\n")
	v, _ := strconv.ParseUint(line, 16, 64)
	return v
}

// initMark runs in every process with this package, before main: in a launcher
// it does not return, and in a worker of a tree at the sweep level it sets the
// mark.
func initMark() {
	if what, ok := os.LookupEnv(launchVar); ok {
		becomeCommand(what)
	}
	if what, ok := os.LookupEnv(namespaceVar); ok {
		becomeNamespace(what)
	}
	tokens := strings.Split(os.Getenv(treeVar), ",")
	if m, ok := parseToken(tokens[len(tokens)-1]); ok && mayLimit() {
		_ = m.setSelf() // the variable is left
	}
}

// privileged reports whether this executable was given rights that its caller
// does not have (setuid, file capabilities): what the environment says is not
// to be trusted then.
var privileged = sync.OnceValue(func() bool {
	aux, err := unix.Auxv()
	return err != nil || !slices.Contains(aux, [2]uintptr{atSecure, 0})
})

const atSecure = 23 // AT_SECURE of <elf.h>

// becomeCommand makes the launcher the command. It never returns: the
// program's main must not run in the command's place.
func becomeCommand(what string) {
	f := strings.SplitN(what, " ", 3)
	if len(f) != 3 || privileged() {
		refuse(launchVar)
	}
	report, err1 := strconv.Atoi(f[0])
	ignored, err2 := strconv.ParseUint(f[1], 16, 64)
	if err1 != nil || err2 != nil || !isPipe(report) {
		refuse(launchVar)
	}
	unix.CloseOnExec(report)
	_ = os.Unsetenv(launchVar)
	tokens := strings.Split(os.Getenv(treeVar), ",")
	if m, ok := parseToken(tokens[len(tokens)-1]); ok {
		_ = m.setSelf()
	}
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if ignored&(1<<(sig-1)) != 0 {
			signal.Ignore(sig)
		}
	}
	err := syscall.Exec(f[2], os.Args, os.Environ())
	errno, _ := err.(syscall.Errno)
	_, _ = unix.Write(report, binary.NativeEndian.AppendUint32(nil, uint32(errno)))
	os.Exit(127)
}

// refuse ends a process that was told to be a launcher by somebody else.
func refuse(name string) {
	_, _ = os.Stderr.WriteString("the environment variable " + name + " is not to be set by hand\n")
	os.Exit(127)
}

func isPipe(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}
