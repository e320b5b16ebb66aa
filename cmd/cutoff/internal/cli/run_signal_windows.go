package cli

import "syscall"

// Windows has no signals; these are the names that the standard library knows
// there. Whatever the name, the command can only be killed.
var windowsSignals = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "ILL": syscall.SIGILL,
	"TRAP": syscall.SIGTRAP, "ABRT": syscall.SIGABRT, "BUS": syscall.SIGBUS, "FPE": syscall.SIGFPE,
	"KILL": syscall.SIGKILL, "SEGV": syscall.SIGSEGV, "PIPE": syscall.SIGPIPE, "ALRM": syscall.SIGALRM,
	"TERM": syscall.SIGTERM,
}

func namedSignal(name string) syscall.Signal { return windowsSignals[name] }

func nameOfSignal(sig syscall.Signal) string {
	for name, s := range windowsSignals {
		if s == sig {
			return name
		}
	}
	return ""
}
