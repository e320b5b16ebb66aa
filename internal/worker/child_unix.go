//go:build unix

package worker

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// usage reads what the process has used so far.
func usage(p *peak) wire.Meter {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return wire.Meter{}
	}
	return wire.Meter{
		User:   time.Duration(r.Utime.Nano()),
		System: time.Duration(r.Stime.Nano()),
		MaxRSS: p.bytes(int64(r.Maxrss) * maxrssUnit),
	}
}

func closeOnExec(fd int) { unix.CloseOnExec(fd) }
