package proc

// This file runs in the launcher of a tree at the level of PID namespaces only.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaceVar carries a launchOrder.
const namespaceVar = "CUTOFF_LAUNCH_PIDNS"

// launchOrder says what the launcher is to do; its arguments after the first
// and the rest of its environment are the command's.
type launchOrder struct {
	report, alive int            // descriptors: where to report, and the dead-man pipe
	ignored       uint64         // the signals that the command has to ignore
	uid, gid      int            // our ids, to be mapped in a user namespace of our own; uid -1: in none
	group         bool           // the leader gets a process group
	last          syscall.Signal // see Spec.LastSignal
	path          string         // the command
}

func (o launchOrder) env() string {
	return fmt.Sprintf("%s=%d %d %x %d %d %t %d %s", namespaceVar, o.report, o.alive, ignoredSignals(), o.uid, o.gid, o.group, int(o.last), o.path)
}

func parseOrder(what string) (o launchOrder, err error) {
	f := strings.SplitN(what, " ", 8)
	if len(f) != 8 {
		return o, errors.New("malformed")
	}
	var last int
	_, err = fmt.Sscan(strings.Join(f[:2], " ")+" 0x"+strings.Join(f[2:7], " "), &o.report, &o.alive, &o.ignored, &o.uid, &o.gid, &o.group, &last)
	o.last, o.path = syscall.Signal(last), f[7]
	return o, err
}

// launchSteps names what can fail before there is a leader.
var launchSteps = []string{
	stepIDs:     "ids in a user namespace",
	stepUnshare: "a new PID namespace",
	stepMounts:  "mounts of its own",
	stepParent:  "a pidfd of the program",
	stepPipe:    "a pipe",
	stepInit:    "the first process",
	stepProc:    "a /proc of its own",
	stepRights:  "giving up rights",
}

const (
	stepIDs = iota
	stepUnshare
	stepMounts
	stepParent
	stepPipe
	stepInit
	stepProc
	stepRights
)

// becomeNamespace makes the launcher one. It never returns: the program's main
// must not run in the command's place.
func becomeNamespace(what string) {
	o, err := parseOrder(what)
	if err != nil || privileged() || len(os.Args) < 1 || !isPipe(o.report) || !isPipe(o.alive) {
		refuse(namespaceVar)
	}
	runtime.LockOSThread() // namespaces belong to a thread
	unix.CloseOnExec(o.report)
	unix.CloseOnExec(o.alive)
	_ = os.Unsetenv(namespaceVar)
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if o.ignored&(1<<(sig-1)) != 0 {
			signal.Ignore(sig)
		}
	}
	o.stayAwake()
	if o.uid >= 0 {
		o.must(stepIDs, o.mapIDs())
	}
	o.must(stepUnshare, unix.Unshare(unix.CLONE_NEWPID|unix.CLONE_NEWNS))
	o.must(stepMounts, unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""))
	o.startInit()
	if o.uid >= 0 {
		o.must(stepRights, dropRights())
	}
	o.startLeader()
	os.Exit(0)
}

// stayAwake keeps job control from stopping the launcher, which may be in the
// leader's process group: a leader that reads the terminal from the background
// stops the whole group, and the launcher's end is waited for. A handler, unlike
// an ignored signal, is not inherited.
func (o launchOrder) stayAwake() {
	for _, sig := range []syscall.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU} {
		if o.ignored&(1<<(sig-1)) == 0 {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
}

// mapIDs maps our own ids, which are all that an ordinary user may map.
func (o launchOrder) mapIDs() error {
	for _, m := range []struct{ file, text string }{
		{"setgroups", "deny"}, // without this, groups cannot be mapped
		{"uid_map", fmt.Sprintf("%d %d 1", o.uid, o.uid)},
		{"gid_map", fmt.Sprintf("%d %d 1", o.gid, o.gid)},
	} {
		if err := writeFile("/proc/self/"+m.file, m.text); err != nil {
			return unwrapErrno(err)
		}
	}
	return nil
}

// startInit starts the first process of the namespace and waits until it is
// ready.
func (o launchOrder) startInit() {
	parent, err := unix.PidfdOpen(os.Getppid(), 0) // should it have died already: the pipe tells too
	o.must(stepParent, err)
	var ready [2]int
	o.must(stepPipe, unix.Pipe2(ready[:], unix.O_CLOEXEC))
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	o.must(stepPipe, err)
	n := uintptr(null)
	pid, err := syscall.ForkExec(selfPath, []string{initName}, &syscall.ProcAttr{
		Dir:   "/", // not to hold a mount
		Env:   guardEnv(initVar + "=" + strconv.Itoa(int(o.last))),
		Files: []uintptr{n, n, n, initAlive: uintptr(o.alive), initParent: uintptr(parent), initReady: uintptr(ready[1])},
		Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT, Setsid: true}, // out of reach of the terminal
	})
	o.must(stepInit, err)
	o.tell(reportInit, pid)
	unix.Close(ready[1])
	var answer [4]byte
	if n, _ := unix.Read(ready[0], answer[:]); n != len(answer) {
		o.must(stepInit, unix.ESRCH)
	}
	if errno := syscall.Errno(binary.NativeEndian.Uint32(answer[:])); errno != 0 {
		o.must(stepProc, errno)
	}
}

// startLeader starts the command, as a child of our parent.
func (o launchOrder) startLeader() {
	pid, err := syscall.ForkExec(o.path, os.Args[1:], &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2}, // the others are inherited
		Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT, Setpgid: o.group},
	})
	if err != nil {
		errno, _ := err.(syscall.Errno)
		o.tell(reportExec, int(errno))
		return
	}
	o.tell(reportLeader, pid)
}

// must reports a step that failed, and ends the launcher.
func (o launchOrder) must(step int, err error) {
	if err == nil {
		return
	}
	errno, _ := err.(syscall.Errno)
	o.tell(reportStep+step, int(errno))
	os.Exit(127)
}

// tell writes a record of the report.
func (o launchOrder) tell(kind, value int) {
	rec := binary.NativeEndian.AppendUint32(nil, uint32(kind))
	_, _ = unix.Write(o.report, binary.NativeEndian.AppendUint32(rec, uint32(value)))
}

// dropRights gives up what this thread may do in the new user namespace: the
// command had no rights outside, and nothing else.
func dropRights() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	var none [2]unix.CapUserData
	return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
}
