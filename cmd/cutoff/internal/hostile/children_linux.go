package hostile

// This file runs in the children only.

import (
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// playSigterm ignores what it is asked with, and so does its child.
func playSigterm() {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGALRM, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	forkSleeper(false)
	awaitUp(1)
	ready()
}

func playSetsid() {
	forkSleeper(true)
	awaitUp(1)
	ready()
}

// playDoubleFork has a grandchild whose parent is gone, as a daemon.
func playDoubleFork() {
	forkDaemon()
	awaitUp(1)
	ready()
}

// playPipe has a child in a process group of its own, which holds the output
// after the leader has closed it.
func playPipe() {
	forkPipeHolder()
	awaitUp(1)
	_ = syscall.Close(1)
	_ = syscall.Close(2)
	ready()
}

// playStopped stops itself, and so does its child.
func playStopped() {
	forkStopped()
	awaitUp(1)
	ready()
	stopSelf()
}

// playPtrace is stopped under ptrace, with its parent as the tracer, and so is
// its child with the leader as the tracer. The tracers know nothing of it.
func playPtrace() {
	forkTraced()
	awaitUp(1)
	ready()
	traceSelf()
}

// playZombies never reaps its children, unless there are too many.
func playZombies() {
	for n := 0; now() < end; n++ {
		if n == zombies {
			ready()
		}
		if n >= zombies {
			reap(-1)
		}
		forkCorpse()
	}
}

// playThousand has 1,000 descendants in two generations, half of them in
// sessions of their own.
func playThousand() {
	const groups = 20
	for range groups {
		forkGroup(descendants/groups - 1)
	}
	awaitUp(descendants)
	ready()
}

// playBomb keeps as many processes alive as it may: each forks as soon as
// there is room, also the room that one leaves which was just killed.
func playBomb() {
	signal.Ignore(syscall.SIGCHLD) // no zombies
	explode()
}

// playMemory maps and writes memory, gives all of it back when it has too
// much, and begins again.
func playMemory() {
	const chunk = 8 << 20
	most := int64(memoryBytes)
	if free := freeMemory(); free > 0 {
		most = max(chunk, min(most, free/4))
	}
	limit(syscall.RLIMIT_AS, addressSpace()+uint64(most)+64<<20)
	for now() < end {
		var chunks [][]byte
		for size := int64(0); size < most; size += chunk {
			b, err := syscall.Mmap(-1, 0, chunk, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
			if err != nil {
				break
			}
			for i := 0; i < len(b); i += os.Getpagesize() {
				b[i] = 1
			}
			if chunks = append(chunks, b); up() == 4 {
				ready()
			}
		}
		for _, b := range chunks {
			_ = syscall.Munmap(b)
		}
	}
}

// playPrinter prints to both outputs.
func playPrinter() {
	b := make([]byte, 4096)
	for i := range b {
		b[i] = 'y' - byte(i%2)*('y'-'\n')
	}
	for n := 0; now() < end; n++ {
		_, _ = syscall.Write(1+n%2, b)
		if n == 16 {
			ready()
		}
		if n > printedBytes/len(b) {
			pause(1000 * 1000)
		}
	}
}

// A comet forks and exits all the time, each process in a session of its own,
// and every few generations it executes the program anew. "comet-next" is that
// generation.
const cometNext = "comet-next"

const cometForks = 8 // generations between two executions

// What a comet executes, as execve takes it.
var (
	cometPath [len(selfPath) + 1]byte
	cometArgv []*byte
	cometEnv  []*byte
)

const selfPath = "/proc/self/exe"

func playComet() {
	prepareComet(os.Args[4])
	for range comets {
		launchComet()
	}
}

// nextComet goes on with what the generation before handed down: the pipe's
// descriptor and the end of its time.
func nextComet(pipe string, rest []string) {
	if len(rest) != 2 {
		fail("a comet needs a descriptor and an end")
	}
	fd, err1 := strconv.ParseUint(rest[0], 10, 31)
	until, err2 := strconv.ParseInt(rest[1], 10, 64)
	if err1 != nil || err2 != nil {
		fail("a comet needs a descriptor and an end")
	}
	report, end = uintptr(fd), until
	prepareComet(pipe)
	ready()
	fly()
}

func prepareComet(pipe string) {
	copy(cometPath[:], selfPath)
	cometArgv, _ = syscall.SlicePtrFromStrings(cometArgs(pipe))
	cometEnv, _ = syscall.SlicePtrFromStrings(os.Environ())
}

// What follows runs in forked copies too.

// forkSleeper forks a process that sleeps.
//
//go:nosplit
//go:norace
func forkSleeper(session bool) {
	if fork() != 0 {
		return
	}
	if session {
		setsid()
	}
	up()
	linger()
}

//go:nosplit
//go:norace
func forkDaemon() {
	pid := fork()
	if pid != 0 {
		reap(pid)
		return
	}
	setsid()
	forkSleeper(true)
	exit()
}

//go:nosplit
//go:norace
func forkPipeHolder() {
	if fork() != 0 {
		return
	}
	_, _, _ = syscall.RawSyscall(syscall.SYS_SETPGID, 0, 0, 0)
	up()
	linger()
}

//go:nosplit
//go:norace
func forkStopped() {
	if fork() != 0 {
		return
	}
	up()
	stopSelf()
	linger()
}

//go:nosplit
//go:norace
func forkTraced() {
	if fork() != 0 {
		return
	}
	up()
	traceSelf()
	linger()
}

//go:nosplit
//go:norace
func traceSelf() {
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PTRACE, syscall.PTRACE_TRACEME, 0, 0, 0, 0, 0)
	stopSelf()
}

//go:nosplit
//go:norace
func forkCorpse() {
	if fork() == 0 {
		exit()
	}
}

// forkGroup forks a process that forks so many.
//
//go:nosplit
//go:norace
func forkGroup(n int) {
	if fork() != 0 {
		return
	}
	for i := 0; i < n; i++ {
		forkSleeper(i%2 == 0)
	}
	up()
	linger()
}

// explode forks into every free place, for ever. A place is free if nobody
// took it yet or if who did is gone. All look at the places in turn, so that
// they do not get in each other's way.
//
//go:nosplit
//go:norace
func explode() {
	for now() < end {
		place := &shared[firstPlace+uint32(atomic.AddInt32(&shared[nextPlace], 1))%bombProcesses]
		pid := atomic.LoadInt32(place)
		if pid == taken || pid != 0 && exists(pid) || !atomic.CompareAndSwapInt32(place, pid, taken) {
			continue
		}
		switch child := fork(); {
		case child < 0:
			atomic.StoreInt32(place, 0)
		case child > 0:
			atomic.CompareAndSwapInt32(place, taken, int32(child))
		default:
			atomic.StoreInt32(place, int32(getpid()))
			if up() == bombReady {
				ready()
			}
		}
	}
	exit()
}

// The bomb's part of the shared page.
const (
	nextPlace  = 1 // a counter: where to look next
	firstPlace = 2
)

// taken is a place into which somebody is just forking.
const taken = -1

//go:nosplit
//go:norace
func launchComet() {
	if fork() == 0 {
		fly()
	}
}

//go:nosplit
//go:norace
func fly() {
	for i := 0; i < cometForks && now() < end; i++ {
		if pid := fork(); pid > 0 {
			exit()
		}
		setsid()
	}
	if now() < end {
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(&cometPath)),
			uintptr(unsafe.Pointer(&cometArgv[0])), uintptr(unsafe.Pointer(&cometEnv[0])))
	}
	exit()
}
