package worker

import (
	"syscall"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// usage is not measured here.
func usage(*peak) wire.Meter { return wire.Meter{} }

func closeOnExec(fd int) { syscall.CloseOnExec(syscall.Handle(fd)) }
