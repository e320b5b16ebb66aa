package hostile

// This file runs in the children only.

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	_ "github.com/cutoff-run/cutoff/internal/proc" // initialized first: this process may be the child's launcher still
)

// init plays the child if this process was started as one.
func init() {
	if len(os.Args) > 4 && Is(os.Args, os.Args[4]) {
		play(os.Args[3], os.Args[4], os.Args[5:])
		os.Exit(0)
	}
}

var plays = map[string]func(){
	"sigterm":    playSigterm,
	"setsid":     playSetsid,
	"doublefork": playDoubleFork,
	"pipe":       playPipe,
	"stopped":    playStopped,
	"bomb":       playBomb,
	"comet":      playComet,
	"memory":     playMemory,
	"printer":    playPrinter,
	"ptrace":     playPtrace,
	"thousand":   playThousand,
	"zombies":    playZombies,
}

// What all processes of a child have. They are set once, before the first
// fork.
var (
	report uintptr      // the pipe's descriptor
	end    int64        // when everybody ends by himself, on the monotonic clock
	shared *[1024]int32 // one page for all processes; [0] counts those that are up
)

// play plays the child. The main thread does: ptrace is a matter of threads.
// There is no garbage collection, which would want to stop it.
func play(name, pipe string, rest []string) {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	limit(syscall.RLIMIT_CPU, uint64(Life/time.Second))
	if name == cometNext {
		nextComet(pipe, rest)
		return
	}
	f := plays[name]
	if f == nil {
		fail("no child is called " + name)
	}
	born := now() - processorTime()
	fd, err := syscall.Open(pipe, syscall.O_WRONLY, 0)
	if err != nil {
		fail(pipe + ": " + err.Error())
	}
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|syscall.MAP_ANON)
	if err != nil {
		fail("mmap: " + err.Error())
	}
	report, end, shared = uintptr(fd), now()+int64(Life), (*[1024]int32)(unsafe.Pointer(&page[0]))
	_, _ = syscall.Write(fd, fmt.Appendf(nil, "start %d\n", born))
	f()
	linger()
}

func fail(what string) {
	fmt.Fprintln(os.Stderr, "cutoff: doctor child:", what)
	os.Exit(125)
}

// limit lowers a soft limit of this process and what it starts.
func limit(resource int, to uint64) {
	var l syscall.Rlimit
	if syscall.Getrlimit(resource, &l) == nil && to < l.Cur {
		l.Cur = to
		_ = syscall.Setrlimit(resource, &l)
	}
}

// awaitUp returns when n processes have said up.
func awaitUp(n int32) {
	for atomic.LoadInt32(&shared[0]) < n && now() < end {
		pause(200 * 1000)
	}
}

// freeMemory returns what the machine can spare, in bytes; 0 if it does not say.
func freeMemory() int64 {
	b, _ := os.ReadFile("/proc/meminfo")
	_, line, _ := strings.Cut(string(b), "MemAvailable:")
	var kib int64
	_, _ = fmt.Sscan(line, &kib)
	return kib << 10
}

// addressSpace returns how much this process has mapped, in bytes.
func addressSpace() uint64 {
	b, _ := os.ReadFile("/proc/self/statm")
	var pages uint64
	_, _ = fmt.Sscan(string(b), &pages)
	return pages * uint64(os.Getpagesize())
}

// cometArgs are the arguments of a comet's next generation.
func cometArgs(pipe string) []string {
	return append(append([]string{"cutoff"}, Args(cometNext, pipe)...),
		strconv.FormatUint(uint64(report), 10), strconv.FormatInt(end, 10))
}
