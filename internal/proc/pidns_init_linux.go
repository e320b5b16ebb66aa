package proc

// This file's nosplit functions run in the first process of a tree's PID
// namespace only.

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The first process of a namespace is a fork of the launcher that executes
// nothing. Only the forked thread exists in it, so the Go runtime is not at
// work: its functions make system calls and do nothing else. They take no
// lock, allocate nothing, and must not grow the stack or be stopped by the
// scheduler, hence nosplit; the race detector must not see them, hence norace.
// It would take a second execution, more than a millisecond, to have it better.
//
// It watches two things for the program's death: the end of a pipe, which also
// comes if the program executes another one, and the program's pidfd, which
// also tells if a forked copy of the program holds the pipe. PR_SET_PDEATHSIG
// would follow the program's thread. A process in a PID namespace cannot
// signal the first one; and no debugger can attach to one that is not
// dumpable, unless root.

const (
	initName = "tree-init" // argv[0] of the launcher, and the init's name

	initReleased = 'r' // through the pipe: live as long as the members

	// leaderPID is the leader's pid in its namespace: the first after the
	// init's. The kernel never gives it to another process.
	leaderPID = 2
)

// namespaceInit is all that the first process needs, made ready by the launcher.
type namespaceInit struct {
	alive, parent, up uintptr // descriptors
	last              uintptr // the signal for the leader when the program dies; 0: none

	poll           [2]unix.PollFd
	pause          unix.Timespec
	word           uint32
	name, proc, at *byte
}

const (
	initPause  = 5_000_000 // ns
	initPauses = int(leniency / initPause)
)

func newNamespaceInit(alive, parent, up int, last syscall.Signal) *namespaceInit {
	str := func(s string) *byte { p, _ := syscall.BytePtrFromString(s); return p }
	return &namespaceInit{
		alive: uintptr(alive), parent: uintptr(parent), up: uintptr(up), last: uintptr(last),
		poll:  [2]unix.PollFd{{Fd: 0, Events: unix.POLLIN}, {Fd: 1, Events: unix.POLLIN}},
		pause: unix.NsecToTimespec(initPause),
		name:  str(initName), proc: str("proc"), at: str("/proc"),
	}
}

// cloneArgs is the head of struct clone_args.
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64
}

// fork starts the process, as a child of the launcher's parent.
//
//go:norace
//go:noinline
//go:nosplit
func (n *namespaceInit) fork() (pid int, errno syscall.Errno) {
	args := cloneArgs{flags: unix.CLONE_PARENT}
	all, old := ^uint64(0), uint64(0)
	_, _, errno = syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK,
		uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), unsafe.Sizeof(all), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	r, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno == 0 && r == 0 {
		n.run()
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK,
		uintptr(unsafe.Pointer(&old)), 0, unsafe.Sizeof(old), 0, 0)
	return int(r), errno
}

// run is the life of the process. All signals are blocked, and stay so.
//
//go:norace
//go:nosplit
func (n *namespaceInit) run() {
	syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0)
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(n.name)), 0)
	n.word = 0
	if _, _, errno := syscall.RawSyscall6(unix.SYS_MOUNT, uintptr(unsafe.Pointer(n.proc)), uintptr(unsafe.Pointer(n.at)),
		uintptr(unsafe.Pointer(n.proc)), unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, 0, 0); errno != 0 {
		n.word = uint32(errno)
	}
	syscall.RawSyscall(unix.SYS_WRITE, n.up, uintptr(unsafe.Pointer(&n.word)), 4)
	syscall.RawSyscall(unix.SYS_DUP3, n.alive, 0, 0)
	syscall.RawSyscall(unix.SYS_DUP3, n.parent, 1, 0)
	if _, _, errno := syscall.RawSyscall(unix.SYS_CLOSE_RANGE, 2, 1<<31-1, 0); errno != 0 { // before Linux 5.9
		for fd := uintptr(2); fd < 1<<16; fd++ {
			syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
	}
	n.await()
	if n.last != 0 {
		n.sayLast()
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// await returns when the program is gone, or, once the tree is released, when
// all members are.
//
//go:norace
//go:nosplit
func (n *namespaceInit) await() {
	for {
		n.poll[0].Revents, n.poll[1].Revents = 0, 0
		syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&n.poll)), 2, 0, 0, 0, 0)
		if n.poll[0].Revents != 0 {
			n.word = 0
			r, _, errno := syscall.RawSyscall(unix.SYS_READ, 0, uintptr(unsafe.Pointer(&n.word)), 1)
			if errno == 0 && r == 1 {
				break
			}
			return
		}
		if n.poll[1].Revents != 0 {
			return
		}
	}
	n.last = 0
	for { // with SIGCHLD ignored, this waits for the last one
		_, _, errno := syscall.RawSyscall6(unix.SYS_WAIT4, ^uintptr(0), 0, unix.WALL, 0, 0, 0)
		if errno != unix.EINTR {
			return
		}
	}
}

// sayLast gives the leader its last signal, and the members a moment to end.
//
//go:norace
//go:nosplit
func (n *namespaceInit) sayLast() {
	syscall.RawSyscall(unix.SYS_KILL, leaderPID, n.last, 0)
	for range initPauses {
		if _, _, errno := syscall.RawSyscall(unix.SYS_KILL, ^uintptr(0), 0, 0); errno != 0 {
			return // nobody is left
		}
		syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(&n.pause)), 0, 0, 0)
	}
}
