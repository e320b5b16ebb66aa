package hostile

// This file runs in the children only.

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Go has no fork: a forked copy of a Go program has one thread, and its
// scheduler, if it ever ran, would wait for the others for ever. These copies
// never let it run. All they do are system calls, from functions without a
// stack check (nosplit), for that is where the scheduler gets hold of a
// goroutine. So whatever runs after fork is marked nosplit, down to the last
// function; it allocates nothing and calls nothing through a pointer.

// fork returns 0 in the copy, the copy's pid in the original, -1 on failure.
//
//go:nosplit
//go:norace
func fork() int {
	var flags, stack uintptr = uintptr(syscall.SIGCHLD), 0
	if runtime.GOARCH == "s390x" { // has them the other way round
		flags, stack = stack, flags
	}
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, flags, stack, 0, 0, 0, 0)
	if errno != 0 {
		return -1
	}
	return int(pid)
}

//go:nosplit
//go:norace
func exit() {
	for {
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

//go:nosplit
//go:norace
func getpid() uintptr {
	pid, _, _ := syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0)
	return pid
}

//go:nosplit
//go:norace
func setsid() { _, _, _ = syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0) }

// stopSelf sends this process SIGSTOP: to its main thread, for the sake of a
// tracer.
//
//go:nosplit
//go:norace
func stopSelf() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, getpid(), getpid(), uintptr(syscall.SIGSTOP))
}

// reap waits for any child, or for one.
//
//go:nosplit
//go:norace
func reap(pid int) {
	_, _, _ = syscall.RawSyscall6(syscall.SYS_WAIT4, uintptr(pid), 0, 0, 0, 0, 0)
}

// exists reports whether there is a process of this number.
//
//go:nosplit
//go:norace
func exists(pid int32) bool {
	_, _, errno := syscall.RawSyscall(syscall.SYS_KILL, uintptr(pid), 0, 0)
	return errno != syscall.ESRCH
}

// pause sleeps for nanoseconds, less than a second of them.
//
//go:nosplit
//go:norace
func pause(ns int64) {
	ts := [2]int{0, int(ns)}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}

// The clocks of <time.h>.
const (
	clockMonotonic = 1
	clockProcess   = 2
)

//go:nosplit
//go:norace
func clock(which uintptr) int64 {
	var ts [2]int
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, which, uintptr(unsafe.Pointer(&ts)), 0)
	return int64(ts[0])*1e9 + int64(ts[1])
}

// now is the time on the monotonic clock, which all processes share.
//
//go:nosplit
//go:norace
func now() int64 { return clock(clockMonotonic) }

// processorTime is how long this process has run.
func processorTime() int64 { return clock(clockProcess) }

// up says that this process is set up.
//
//go:nosplit
//go:norace
func up() int32 { return atomic.AddInt32(&shared[0], 1) }

var readyLine = [...]byte{'r', 'e', 'a', 'd', 'y', '\n'}

// ready tells doctor that the whole child is set up.
//
//go:nosplit
//go:norace
func ready() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, report, uintptr(unsafe.Pointer(&readyLine)), uintptr(len(readyLine)))
}

// linger sleeps until the time of this process is over, and ends it.
//
//go:nosplit
//go:norace
func linger() {
	for now() < end {
		pause(500 * 1000 * 1000)
	}
	exit()
}
