package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cutoff-run/cutoff"
)

// writeJobLog writes what parallel --joblog writes, as GNU parallel reads it
// with --resume: a line for each task that has ended, in the order of the
// ends, by its last attempt. A task that was cut off has the exit value -1 as
// there. What was given up or has no end has no line, so that it runs again.
func writeJobLog(w io.Writer, r io.Reader) (Damage, error) {
	p := printer{w: w}
	p.printf("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n")
	d, err := eachAttempt(r, func(a *attempt) error {
		if c := a.class(); a.Retry || c == classCanceled || c == classNotStarted || c == classNoEnd {
			return nil
		}
		start := a.start()
		exit, signal := exitAndSignal(a)
		p.printf("%d\t:\t%d.%03d\t%10.3f\t0\t%d\t%d\t%d\t%s\n", a.Seq,
			start.Unix(), start.Nanosecond()/1e6, a.Wall.Seconds(), a.OutputBytes, exit, signal, jobLogCommand(a))
		return p.err
	})
	if err == nil {
		err = p.err
	}
	return d, err
}

func exitAndSignal(a *attempt) (exit, signal int) {
	signal = signalNumbers[a.Signal]
	switch {
	case a.Outcome.CutOff():
		return -1, signal
	case signal != 0:
		return 0, signal
	case a.Outcome == cutoff.OK:
		return 0, 0
	case a.ExitCode <= 0: // a function, or what could not even start
		return 1, 0
	}
	return a.ExitCode, 0
}

// jobLogCommand is the command with no byte that would end the field. GNU
// parallel writes a newline as NUL.
func jobLogCommand(a *attempt) string {
	command := a.Cmd
	switch {
	case len(a.Argv) > 0:
		command = commandLine(a.Argv)
	case a.Func != "":
		command = fmt.Sprintf("%s %s", a.Func, a.ID)
	}
	return escapeLine(strings.ReplaceAll(command, "\t", " "))
}

// signalNumbers are those that Linux gives them on nearly every processor.
var signalNumbers = map[string]int{
	"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGTRAP": 5, "SIGABRT": 6, "SIGBUS": 7, "SIGFPE": 8,
	"SIGKILL": 9, "SIGUSR1": 10, "SIGSEGV": 11, "SIGUSR2": 12, "SIGPIPE": 13, "SIGALRM": 14, "SIGTERM": 15,
	"SIGSTKFLT": 16, "SIGXCPU": 24, "SIGXFSZ": 25, "SIGVTALRM": 26, "SIGPROF": 27, "SIGIO": 29, "SIGPWR": 30, "SIGSYS": 31,
}
