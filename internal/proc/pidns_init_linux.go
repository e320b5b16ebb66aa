package proc

// This file runs in the first process of a tree's PID namespace only.

import (
	"encoding/binary"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The first process of a namespace, its init, is this program's executable
// again. A fork of the launcher would be a millisecond faster; but Go promises
// nothing for a forked process that executes no file.
//
// It watches two things for the program's death: the end of a pipe, which also
// comes if the program executes another one, and the program's pidfd, which
// also tells if a forked copy of the program holds the pipe. PR_SET_PDEATHSIG
// would follow the program's thread; it does to continue an init that somebody
// outside has stopped. A process in a PID namespace cannot signal the first
// one; and no debugger can attach to one that is not dumpable, unless root.

const (
	initVar  = "CUTOFF_INIT" // the signal for the leader when the program dies; 0: none
	initName = "tree-init"   // argv[0] of the launcher and of the init

	initAlive  = 3 // our end of the dead-man pipe
	initParent = 4 // the program's pidfd
	initReady  = 5 // where to say that we are ready

	initReleased = 'r' // through the pipe: live as long as the members
)

// initNamespace makes this process a namespace's init if it was started as one.
// The variable alone, set by mistake, does nothing. But what was started as an
// init never becomes the program.
func initNamespace() {
	what := os.Getenv(initVar)
	if what == "" || os.Getpid() != 1 || len(os.Args) != 1 || os.Args[0] != initName {
		return
	}
	if !isPipe(initAlive) || privileged() {
		refuse(initVar)
	}
	guardNamespace(what)
	os.Exit(0) // and with us, everything in the namespace
}

func guardNamespace(what string) {
	signal.Ignore() // all; and with SIGCHLD ignored, the kernel reaps our children
	closeInherited(initReady)
	last, err := strconv.Atoi(what)
	if err == nil {
		err = prepareInit()
	}
	sayReady(err)
	if err != nil {
		return
	}
	released := false
	awaitDeath(initAlive, initParent, func(b []byte) bool {
		released = b[0] == initReleased
		return released
	})
	switch {
	case released:
		reapLater(-1)
	case last != 0:
		sayLast(syscall.Signal(last))
	}
}

// prepareInit gives the namespace its /proc.
func prepareInit() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGCONT), 0, 0, 0); err != nil {
		return err
	}
	_ = os.WriteFile("/proc/self/comm", []byte(initName), 0) // for people; ours would be "exe"
	return unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// sayReady tells the launcher that the leader may be started, or why not.
func sayReady(err error) {
	errno, ok := err.(syscall.Errno)
	if err != nil && !ok {
		errno = unix.EINVAL
	}
	_, _ = unix.Write(initReady, binary.NativeEndian.AppendUint32(nil, uint32(errno)))
	unix.Close(initReady)
}

// sayLast gives the leader its last signal, and the members a moment to end.
func sayLast(sig syscall.Signal) {
	if leader := leaderInside(); leader != 0 {
		_ = unix.Kill(leader, sig)
	}
	for end := time.Now().Add(leniency); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if unix.Kill(-1, 0) != nil {
			return // nobody is left
		}
	}
}

// leaderInside returns the leader's pid as it is in the namespace; 0 if it has
// ended. It is the oldest process but the first one whose parent is outside;
// others may have entered since.
func leaderInside() int {
	var leader stat
	for pid, st := range processes() {
		if pid != 1 && st.ppid == 0 && (leader.pid == 0 || st.start < leader.start || st.start == leader.start && pid < leader.pid) {
			leader = st
		}
	}
	return leader.pid
}
