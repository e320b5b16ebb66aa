package worker

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// makePage makes a page and the file that the worker maps it from.
//
// The file is sealed: a worker that made it shorter would kill the program with
// SIGBUS. The mapping is not for children that are forked and not executed.
func makePage() (*page, *os.File, error) {
	f, err := newMemory("cutoff page", unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, err
	}
	fd := int(f.Fd())
	err = unix.Ftruncate(fd, fileSize)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	var p *page
	if err == nil {
		p, err = mapPage(fd)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	if p.mapAreas(fd) == nil {
		p.header.areas = 1
	}
	return p, f, nil
}

// fileSize is a promise only: memory is taken where something was written.
const fileSize = pageSize + 2*areaSize*haveAreas

// haveAreas is 1 where the address space has room for areas.
const haveAreas = int64(^uint(0) >> 63)

// mapAreas maps the memory for large payloads. A program whose address space
// is limited needs it for itself.
func (p *page) mapAreas(fd int) error {
	var limit unix.Rlimit
	if haveAreas == 0 || unix.Getrlimit(unix.RLIMIT_AS, &limit) != nil || limit.Cur != unix.RLIM_INFINITY {
		return errors.ErrUnsupported
	}
	mem, err := unix.Mmap(fd, pageSize, int(fileSize-pageSize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	_ = unix.Madvise(mem, unix.MADV_DONTFORK) // as above
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
	half := len(mem) / 2
	p.areas = [2]wire.Area{mem[:half:half], mem[half:]}
	p.lent = mem
	return nil
}

// openPage maps the page that the pool has passed on.
func openPage(fd int, secret uint64) *page {
	defer unix.Close(fd)
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_SHRINK == 0 {
		return nil
	}
	p, err := mapPage(fd)
	if err != nil || !p.marked(secret) || p.header.areas != 0 && p.mapAreas(fd) != nil {
		return nil
	}
	if p.pipe = markFile(fdReplies); !p.pipe.isOpen() { // a sandbox may not know of it
		p.unmap()
		return nil
	}
	return p
}

func mapPage(fd int) (*page, error) {
	mem, err := unix.Mmap(fd, 0, pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	_ = unix.Madvise(mem, unix.MADV_DONTFORK) // hygiene only
	p := newPage(mem)
	if !canSleep(&p.word) {
		p.unmap()
		return nil, os.NewSyscallError("futex", errors.ErrUnsupported)
	}
	return p, nil
}

// giveBack frees the memory of a part of the file that begins at a page of the
// machine. A failure leaves it as it is.
func giveBack(part []byte) { _ = unix.Madvise(part, unix.MADV_REMOVE) }

// unmap gives the memory back. Nobody may use the page any more.
func (p *page) unmap() {
	_ = unix.Munmap(p.mem)
	if p.lent != nil {
		_ = unix.Munmap(p.lent)
	}
}

const (
	futexWait    = 0 // of futex(2), between processes
	futexWake    = 1
	futexPrivate = 128 // within this one

	forever time.Duration = -1

	// sleepNap is how long a sleep takes that the kernel does not want to keep.
	sleepNap = 200 * time.Microsecond
)

// sleepPage sleeps while the word has this value, at most d, and reports whether
// it had it at all. It may return early.
func sleepPage(word *atomic.Uint32, value uint32, d time.Duration) bool {
	return sleepOn(word, futexWait, value, d)
}

// wakePage wakes who sleeps on the word. It does not block.
func wakePage(word *atomic.Uint32) { wakeOn(word, futexWake) }

func sleepOn(word *atomic.Uint32, op uintptr, value uint32, d time.Duration) (slept bool) {
	var limit *unix.Timespec
	if d >= 0 {
		ts := unix.NsecToTimespec(int64(d))
		limit = &ts
	}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), op, uintptr(value),
		uintptr(unsafe.Pointer(limit)), 0, 0)
	switch errno {
	case unix.EAGAIN:
		return false
	case 0, unix.EINTR, unix.ETIMEDOUT:
		return true // whoever wakes looks at the word
	}
	// It was allowed when the page was made: a function has locked the worker
	// in since. Whoever wakes looks again, and must not burn a processor.
	if d < 0 || d > sleepNap {
		d = sleepNap
	}
	time.Sleep(d)
	return true
}

func wakeOn(word *atomic.Uint32, op uintptr) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), op, 1, 0, 0, 0)
}

// canSleep reports whether the kernel lets two processes wake each other with
// the word. Some sandboxes know only what Go's runtime does, which is private
// to a process.
func canSleep(word *atomic.Uint32) bool {
	var now unix.Timespec
	_, _, sleep := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait,
		uintptr(word.Load()+1), uintptr(unsafe.Pointer(&now)), 0, 0)
	_, _, wake := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1, 0, 0, 0)
	return sleep == unix.EAGAIN && wake == 0 // it has another value
}

// epoch ties Go's monotonic clock, which has no zero that another process
// knows, to CLOCK_MONOTONIC, which it is.
type epoch struct {
	at   time.Time
	mono int64
}

// newEpoch reads both clocks at once, or nearly so.
func newEpoch() epoch {
	var best epoch
	least := int64(1<<63 - 1)
	for range 3 {
		var a, b unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &a)
		at := time.Now()
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &b)
		if gap := b.Nano() - a.Nano(); gap < least {
			best, least = epoch{at, a.Nano() + gap/2}, gap
		}
	}
	return best
}

// openFile knows a descriptor and what it stands for. That is looked up before
// every reply, so in the fastest way that there is: the kernel notes with an open
// file which signal it would send instead of SIGIO, if anybody had asked for one,
// and nobody else writes this one there. (To whom it would send it is no such
// mark: a process names itself, as the worker does for the pipe that it is to die
// with.)
type openFile struct{ fd int }

const (
	fGetSig  = 11 // F_GETSIG of fcntl(2), which x/sys does not name
	pipeMark = 64 // the last signal of them all
)

// markFile puts the note down.
func markFile(fd int) openFile {
	_, _ = unix.FcntlInt(uintptr(fd), fSetSig, pipeMark)
	return openFile{fd}
}

// isOpen reports whether the descriptor still stands for the same file. It does
// not block.
func (f openFile) isOpen() bool {
	mark, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(f.fd), fGetSig, 0)
	return errno == 0 && mark == pipeMark
}
