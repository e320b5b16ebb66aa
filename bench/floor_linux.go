package main

import (
	"context"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The floor for a program in Go: two processes of it, a shared page, 64 bytes
// there and back, and nothing else. Each end waits for the other with a futex, or
// it looks again and again.

type floorPage struct {
	word atomic.Uint32
	spin atomic.Bool
	_    [56]byte
	data [64]byte
}

// floorVar makes this program the other end.
const floorVar = "CUTOFF_BENCH_FLOOR"

func mapFloor(fd uintptr) (*floorPage, error) {
	mem, err := unix.Mmap(int(fd), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*floorPage)(unsafe.Pointer(&mem[0])), nil
}

func (p *floorPage) turn(next uint32, b *[64]byte) {
	p.data = *b
	p.word.Store(next)
	if p.spin.Load() {
		return
	}
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&p.word)), 1, 1, 0, 0, 0)
}

func (p *floorPage) await(next uint32, b *[64]byte) {
	for w := p.word.Load(); w != next; w = p.word.Load() {
		if p.spin.Load() {
			continue
		}
		_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&p.word)), 0, uintptr(w), 0, 0, 0)
	}
	*b = p.data
}

// playFloor is the other end, in a process that is told to be it.
func playFloor() {
	if os.Getenv(floorVar) == "" {
		return
	}
	p, err := mapFloor(3)
	if err != nil {
		os.Exit(1)
	}
	go func() { // until the parent is gone
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	var b [64]byte
	for i := uint32(1); ; i += 2 {
		p.await(i, &b)
		p.turn(i+1, &b)
	}
}

func goFloor(name string, spin bool, n int) subject {
	return subject{name: name, run: func(ctx context.Context) (float64, error) {
		fd, err := unix.MemfdCreate("floor", unix.MFD_CLOEXEC)
		if err != nil {
			return 0, err
		}
		f := os.NewFile(uintptr(fd), "floor")
		defer f.Close()
		if err := f.Truncate(4096); err != nil {
			return 0, err
		}
		p, err := mapFloor(f.Fd())
		if err != nil {
			return 0, err
		}
		p.spin.Store(spin)
		c := exec.CommandContext(ctx, "/proc/self/exe")
		c.Env = append(os.Environ(), floorVar+"=1")
		c.ExtraFiles = []*os.File{f}
		in, err := c.StdinPipe()
		if err != nil {
			return 0, err
		}
		if err := c.Start(); err != nil {
			return 0, err
		}
		var b [64]byte
		took := make([]float64, n)
		for i := range took {
			begun := time.Now()
			p.turn(uint32(2*i+1), &b)
			p.await(uint32(2*i+2), &b)
			took[i] = time.Since(begun).Seconds()
		}
		_ = in.Close()
		return median(took), c.Wait()
	}}
}
