//go:build unix

package cli

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// namedSignal returns the signal called name (upper case, without SIG), or 0.
func namedSignal(name string) syscall.Signal {
	switch name {
	case "CLD":
		name = "CHLD"
	case "IOT":
		name = "ABRT"
	case "POLL":
		if sig := unix.SignalNum("SIGPOLL"); sig != 0 {
			return sig
		}
		name = "IO"
	}
	return unix.SignalNum("SIG" + name)
}

// nameOfSignal returns the name of a signal without SIG, or "".
func nameOfSignal(sig syscall.Signal) string {
	switch name := unix.SignalName(sig); name {
	case "SIGIO":
		return "POLL"
	case "SIGIOT":
		return "ABRT"
	default:
		return strings.TrimPrefix(name, "SIG")
	}
}
