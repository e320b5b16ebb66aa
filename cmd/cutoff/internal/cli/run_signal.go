package cli

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// maxSignal is the highest number that can name a signal.
const maxSignal = 64

// parseSignal reads a signal as GNU's programs do: a name in any case, with or
// without SIG; a real-time signal relative to RTMIN or RTMAX; a number; or the
// exit status of a process that a signal ended, as shells (128+n) and ksh
// (256+n) give it.
func parseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && isDigit(s[0]) {
		if n >= 0xff {
			n &= 0xff
		} else {
			n &= 0x7f
		}
		if n <= maxSignal {
			return syscall.Signal(n), nil
		}
	} else if name := strings.TrimPrefix(strings.ToUpper(s), "SIG"); name != "" {
		if sig, ok := signalByName(name); ok {
			return sig, nil
		}
	}
	return 0, fmt.Errorf("%s: invalid signal", quote(s))
}

func signalByName(name string) (syscall.Signal, bool) {
	if name == "EXIT" {
		return 0, true
	}
	if n, err := strconv.Atoi(name); err == nil && isDigit(name[0]) { // SIG9
		return syscall.Signal(n), n <= maxSignal
	}
	if sig := namedSignal(name); sig != 0 {
		return sig, true
	}
	for base, from := range map[string]syscall.Signal{"RTMIN": rtMin, "RTMAX": rtMax} {
		if offset, ok := strings.CutPrefix(name, base); ok && from != 0 {
			n, err := strconv.Atoi(offset)
			sig := from + syscall.Signal(n)
			return sig, (err == nil || offset == "") && rtMin <= sig && sig <= rtMax
		}
	}
	return 0, false
}

// signalName is the name that diagnostics use: without SIG, and the number
// where there is no name.
func signalName(sig syscall.Signal) string {
	middle := rtMin + (rtMax-rtMin)/2
	switch {
	case sig == 0 || rtMin == 0 || sig < rtMin || sig > rtMax:
		if name := nameOfSignal(sig); name != "" {
			return name
		}
		return strconv.Itoa(int(sig))
	case sig == rtMin:
		return "RTMIN"
	case sig == rtMax:
		return "RTMAX"
	case sig <= middle:
		return fmt.Sprintf("RTMIN+%d", sig-rtMin)
	}
	return fmt.Sprintf("RTMAX-%d", rtMax-sig)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
