package worker

// This file runs in the worker process only.

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// peakEvery is how often the peak is read anew where reading it is dear.
const peakEvery = 10 * time.Millisecond

// peak measures the process's peak resident set.
//
// ru_maxrss is cheap but tainted at birth: exec(2) keeps the peak of the
// memory that it replaces, and in a child of vfork(2) that is the parent's. A
// worker of a program of 2 GiB would claim 2 GiB. Only what goes beyond the
// value at birth is its own; until then the kernel's figure for the new
// memory alone is read from /proc, at most every peakEvery.
type peak struct {
	birth  int64    // ru_maxrss at birth
	status *os.File // /proc/self/status
	last   int64
	read   time.Time
}

func newPeak() *peak {
	p := &peak{}
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) == nil {
		p.birth = int64(r.Maxrss) * maxrssUnit
	}
	p.status, _ = os.Open("/proc/self/status") // without it only what exceeds birth is known
	return p
}

// bytes returns the peak, given what ru_maxrss says now.
func (p *peak) bytes(maxrss int64) int64 {
	if maxrss > p.birth || p.status == nil {
		return maxrss
	}
	if now := time.Now(); now.Sub(p.read) >= peakEvery {
		p.read = now
		p.last = max(p.last, p.highWater())
	}
	return p.last
}

// highWater reads the line "VmHWM:   5120 kB".
func (p *peak) highWater() int64 {
	var buf [4096]byte
	n, err := unix.Pread(int(p.status.Fd()), buf[:], 0)
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(buf[:n], []byte("\nVmHWM:"))
	if !ok {
		return 0
	}
	fields := bytes.Fields(rest)
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
