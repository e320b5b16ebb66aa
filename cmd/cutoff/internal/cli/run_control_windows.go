package cli

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// Windows has neither signals between processes nor job control: a stop is a
// Ctrl-Break at best, and otherwise the kill.

const (
	alarmSignal = syscall.SIGALRM
	brokenPipe  = syscall.SIGPIPE
)

type jobControl struct{}

func (j *job) prepare() (stop func()) {
	signals := make(chan os.Signal, 8)
	j.signals, j.hear = signals, signals
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return func() { signal.Stop(signals) }
}

func (*jobControl) start(_ *job, spec proc.Spec) (*proc.Tree, error) { return startCommand(spec) }

// send asks politely where that is possible.
func (*jobControl) send(j *job, sig syscall.Signal) error {
	if sig == 0 {
		return nil
	}
	err := j.tree.Signal(sig)
	if err != nil && j.killAfter == 0 {
		j.tree.Kill()
	}
	return err
}

func (*jobControl) asksToEnd(*job, syscall.Signal) bool { return true }

func ofJobControl(os.Signal) bool { return false }

func (*jobControl) handle(*job, syscall.Signal) bool { return false }

func (*jobControl) leaderStopped(*job, syscall.Signal) {}

func (*jobControl) poll() <-chan time.Time { return nil }

func (*jobControl) polled(*job) {}

// dieOf does nothing: the exit status has to tell.
func dieOf(syscall.Signal) {}

// startCommand looks the command up and starts it.
func startCommand(spec proc.Spec) (*proc.Tree, error) {
	path, err := exec.LookPath(spec.Args[0])
	if err != nil {
		return nil, err
	}
	spec.Path = path
	return proc.Start(spec)
}

// runFailure is what to say of a command that could not be started, and the
// exit status.
func runFailure(err error) (text string, code int) {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return "not found", exitNotFound
	case errors.As(err, new(*os.PathError)):
		return err.Error(), exitCannotRun
	}
	return err.Error(), exitOurs
}

func inheritedFile(_ int, name string) (*os.File, error) {
	return nil, &os.PathError{Op: "open", Path: name, Err: errors.ErrUnsupported}
}
