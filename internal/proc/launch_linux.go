package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The launcher: a leader that marks itself and takes its resources before it
// becomes the command. It is this program's executable, which init makes a
// launcher, so that main does not run; it costs one more execution, a
// millisecond or two. A worker, which is this executable anyway, does it on its
// way to main.

const (
	// launchVar makes a launcher: "DESCRIPTOR HANDOVERS RESOURCES IGNORED PATH",
	// where to report, what to write, what to take, the set of signals that the
	// command has to ignore, and the command.
	launchVar = "CUTOFF_LAUNCH"

	// resourcesVar is for a worker: "DESCRIPTOR HANDOVERS RESOURCES".
	resourcesVar = "CUTOFF_RESOURCES"
)

// selfPath is this program's executable, whatever has taken its name since.
const selfPath = "/proc/self/exe"

// launchBound is how long a launcher may take; others' package initialization
// runs in it before ours.
const launchBound = 30 * time.Second

// starting starts a process as a level wants it; pidfd is -1 if there is none.
type starting func(Spec) (pid, pidfd int, err error)

func spawnPlain(s Spec) (pid, pidfd int, err error) { return spawn(s, &syscall.SysProcAttr{}) }

// launchMarked starts the leader of a tree with its mark on.
func launchMarked(s Spec, m mark) (pid, pidfd int, err error) {
	s.Env = m.env(s.Env)
	if !s.viaLauncher() && (!mayLimit() || s.Path == selfPath || privileged()) {
		return spawnPlain(s)
	}
	return launch(s, spawnPlain)
}

// viaLauncher reports whether the leader has something to do before it is the
// command.
func (s Spec) viaLauncher() bool { return !s.Resources.none() || len(s.handovers) > 0 }

// launchIfNeeded starts the leader, by way of a launcher if it has something to
// do first.
func launchIfNeeded(s Spec, start starting) (pid, pidfd int, err error) {
	if !s.viaLauncher() {
		return start(s)
	}
	return launch(s, start)
}

// launch starts the leader by way of a launcher, which start starts.
func launch(s Spec, start starting) (pid, pidfd int, err error) {
	if privileged() {
		return 0, -1, errPrivileged
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, -1, err
	}
	defer r.Close()
	defer w.Close()
	path := s.Path
	s, err = s.ordered(w)
	if err != nil {
		return 0, -1, err
	}
	pid, pidfd, err = start(s)
	if err != nil {
		return 0, -1, err
	}
	w.Close()
	what, err := launched(r)
	if err == nil {
		return pid, pidfd, nil
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	_, _ = syscall.Wait4(pid, nil, 0, nil)
	if pidfd >= 0 {
		unix.Close(pidfd)
	}
	if errno, ok := err.(syscall.Errno); ok && what != resourceNone {
		return 0, -1, s.Resources.refusal(what, errno)
	}
	return 0, -1, &os.PathError{Op: "fork/exec", Path: path, Err: err}
}

// ordered is the spec of the process that becomes the leader: a launcher, or a
// worker with something to do first. It reports on w.
func (s Spec) ordered(w *os.File) (Spec, error) {
	r := s.Resources
	switch {
	case s.hands(resourceProcesses):
		r.Processes = 0 // the cgroup holds the tree to it, and not the user
	case r.Processes > 0 && unboundByProcesses():
		return s, errNoProcesses
	}
	report := max(3, len(s.Files))
	files := make([]*os.File, report+1, report+1+len(s.handovers))
	copy(files, s.Files)
	files[report] = w
	writes := make([]string, len(s.handovers))
	for i, h := range s.handovers {
		writes[i] = fmt.Sprintf("%d:%s:%d", len(files), h.text, h.what)
		files = append(files, h.file)
	}
	s.Files = files
	order := fmt.Sprintf("%d [%s] %s", report, strings.Join(writes, ","), r)
	if s.Path == selfPath {
		order = resourcesVar + "=" + order
	} else {
		order = fmt.Sprintf("%s=%s %x %s", launchVar, order, ignoredSignals(), s.Path)
		s.Path = selfPath
	}
	s.Env = append(s.Env[:len(s.Env):len(s.Env)], order)
	return s, nil
}

// launched waits until the launcher has become the command, or the worker has
// its resources, which closes the pipe, or says what failed.
func launched(r *os.File) (resource, error) {
	_ = r.SetReadDeadline(time.Now().Add(launchBound))
	var rec [8]byte
	n, err := r.Read(rec[:])
	switch {
	case n == len(rec):
		return resource(binary.NativeEndian.Uint32(rec[:])), syscall.Errno(binary.NativeEndian.Uint32(rec[4:]))
	case os.IsTimeout(err):
		return resourceNone, errSlowLauncher
	}
	return resourceNone, nil // or it was killed: the watch will see
}

var errSlowLauncher = fmt.Errorf("the launcher did not come up in %v: is a package's init too slow?", launchBound)

var errPrivileged = errors.New("resources cannot be set: this program was given rights that its user does not have")

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
// it does not return, and in a worker it takes the resources and, at the sweep
// level, sets the mark.
func initMark() {
	if what, ok := os.LookupEnv(namespaceVar); ok { // first: it may be to start a launcher
		becomeNamespace(what)
	}
	if what, ok := os.LookupEnv(launchVar); ok {
		becomeCommand(what)
	}
	if what, ok := os.LookupEnv(resourcesVar); ok {
		takeResources(what)
	}
	setMark()
}

// setMark marks this process if it is of a tree at the sweep level.
func setMark() {
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
	f := strings.SplitN(what, " ", orderFields+2)
	if len(f) != orderFields+2 {
		refuse(launchVar)
	}
	ignored, err := strconv.ParseUint(f[orderFields], 16, 64)
	if err != nil {
		refuse(launchVar)
	}
	setMark()
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if ignored&(1<<(sig-1)) != 0 {
			signal.Ignore(sig)
		}
	}
	o := readOrder(launchVar, f[:orderFields])
	command := prepareExec(f[orderFields+1])
	o.carryOut()
	failLaunch(o.report, resourceNone, command.exec())
}

// execution is one that is prepared: exec is a single raw system call.
//
// Under a limit of processes the Go runtime could start no further thread, and
// would end this process instead. So none is to be started between the limit
// and the execution: there is one processor, which no raw system call gives
// away, and nothing is called in between that asks whether to give it away, as
// the start of a function does that is not marked nosplit.
type execution struct {
	path       *byte
	argv, envv []*byte
}

func prepareExec(path string) execution {
	p, err := syscall.BytePtrFromString(path)
	argv, err2 := syscall.SlicePtrFromStrings(os.Args)
	envv, err3 := syscall.SlicePtrFromStrings(os.Environ())
	if errors.Join(err, err2, err3) != nil {
		refuse(launchVar)
	}
	_ = syscall.Exec("", nil, nil) // puts the limit of open files back to what it was before the runtime raised it
	runtime.GOMAXPROCS(1)
	if !signal.Ignored(unix.SIGURG) {
		noAsyncPreemption()
	}
	return execution{p, argv, envv}
}

// noAsyncPreemption gives the signal by which the runtime preempts goroutines
// anywhere its default action, which is none. The command gets it so anyway.
func noAsyncPreemption() {
	var byDefault [16]uint64 // a struct sigaction of the kernel, and more
	const setSize = 8
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGURG), uintptr(unsafe.Pointer(&byDefault)), 0, setSize, 0, 0) // best effort
}

//go:nosplit
func (e execution) exec() error {
	_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(e.path)),
		uintptr(unsafe.Pointer(&e.argv[0])), uintptr(unsafe.Pointer(&e.envv[0])))
	return errno
}

// takeResources is for a worker, which goes on to its main.
func takeResources(what string) {
	f := strings.Split(what, " ")
	if len(f) != orderFields {
		refuse(resourcesVar)
	}
	o := readOrder(resourcesVar, f)
	o.carryOut()
	closeHandovers(o.writes)
	unix.Close(o.report)
	if _, set := os.LookupEnv("GOMAXPROCS"); !set {
		runtime.SetDefaultGOMAXPROCS() // there may be fewer processors now
	}
}

// order is what a launcher or a worker is to do first.
type order struct {
	report    int // the descriptor to report on
	writes    []handover
	resources Resources
}

// orderFields is how many fields readOrder gets.
const orderFields = 2 + resourceFields

// readOrder reads the order of the variable, which it takes away.
func readOrder(name string, fields []string) order {
	report, err := strconv.Atoi(fields[0])
	writes, err2 := parseHandovers(fields[1])
	r, err3 := parseResources(fields[2:])
	if errors.Join(err, err2, err3) != nil || privileged() || !isPipe(report) {
		refuse(name)
	}
	unix.CloseOnExec(report)
	_ = os.Unsetenv(name)
	return order{report, writes, r}
}

// carryOut does what is ordered. The limit of processes comes last, in one of
// two forms: see execution.
func (o order) carryOut() {
	if what, err := o.resources.take(); err != nil {
		failLaunch(o.report, what, err)
	}
	for _, h := range o.writes {
		if err := h.do(); err != nil && h.what != resourceNone {
			failLaunch(o.report, h.what, err)
		}
	}
	if n := o.resources.Processes; n > 0 {
		if err := setLimit(unix.RLIMIT_NPROC, n); err != nil {
			failLaunch(o.report, resourceProcesses, err)
		}
	}
}

// failLaunch reports what failed and ends the process.
func failLaunch(report int, what resource, err error) {
	errno := syscall.EIO
	_ = errors.As(err, &errno)
	rec := binary.NativeEndian.AppendUint32(nil, uint32(what))
	_, _ = unix.Write(report, binary.NativeEndian.AppendUint32(rec, uint32(errno)))
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
