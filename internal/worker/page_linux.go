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
	fd, err := unix.MemfdCreate("cutoff page", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "cutoff page")
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

// mapAreas maps the memory for large payloads.
func (p *page) mapAreas(fd int) error {
	if haveAreas == 0 {
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
	p.pipe = statFile(fdReplies)
	return p
}

func mapPage(fd int) (*page, error) {
	mem, err := unix.Mmap(fd, 0, pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	_ = unix.Madvise(mem, unix.MADV_DONTFORK) // hygiene only
	return newPage(mem), nil
}

// unmap gives the memory back. Nobody may use the page any more.
func (p *page) unmap() {
	_ = unix.Munmap(p.mem)
	if p.lent != nil {
		_ = unix.Munmap(p.lent)
	}
}

const (
	futexWait = 0 // of futex(2), between processes
	futexWake = 1

	forever time.Duration = -1
)

// sleepPage sleeps while the word has this value, at most d.
func sleepPage(word *atomic.Uint32, value uint32, d time.Duration) {
	var limit *unix.Timespec
	if d >= 0 {
		ts := unix.NsecToTimespec(int64(d))
		limit = &ts
	}
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(value),
		uintptr(unsafe.Pointer(limit)), 0, 0) // whoever wakes looks at the word
}

// wakePage wakes who sleeps on the word. It does not block.
func wakePage(word *atomic.Uint32) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1, 0, 0, 0)
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

// openFile knows a descriptor and what it stands for.
type openFile struct {
	fd       int
	dev, ino uint64
}

func statFile(fd int) openFile {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return openFile{fd: fd}
	}
	return openFile{fd, uint64(st.Dev), st.Ino} //nolint:unconvert // it is narrower on some systems
}

// isOpen reports whether the descriptor still stands for the same file.
func (f openFile) isOpen() bool { return statFile(f.fd) == f && f.ino != 0 }
