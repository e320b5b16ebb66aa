//go:build unix

package cli

import (
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// Signals and the terminal. The command is in our process group, always.
// Without a controlling terminal we make that group our own, as the original
// does: time-outs that run time-outs rely on it. With one we stay in the
// caller's, so that the command may use the terminal and gets what the
// keyboard sends (docs/RUN.md has the reasons). What holds the tree together
// is not the group but the containment of internal/proc.

const (
	alarmSignal = syscall.SIGALRM
	brokenPipe  = syscall.SIGPIPE
)

// foregroundPoll is how often we look whether a background command that waits
// for the terminal has got it. No signal tells us.
const foregroundPoll = 100 * time.Millisecond

type jobControl struct {
	tty     int              // the controlling terminal, -1 without one
	pressed bool             // we got SIGTSTP: if the leader stops, or has, so do we
	sent    bool             // and it was for us alone, so that we passed it on
	later   []syscall.Signal // to be passed on as soon as there is time
	leader  syscall.Signal   // what the leader is stopped by, 0 while it runs
	ticker  *time.Ticker     // while the leader waits for the terminal
}

// Signals that end a process unless it does something about them are the
// command's business: they are passed on. Each costs the runtime two thread
// switches to arrange, so only those that people and programs send are there
// before the command; the others follow it.
var (
	passedFirst = []syscall.Signal{
		alarmSignal, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGTERM, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGABRT,
	}
	passedLater = append(realTime(), otherTerminating...)
)

func realTime() (sigs []syscall.Signal) {
	for sig := rtMin; sig != 0 && sig <= rtMax; sig++ {
		sigs = append(sigs, sig)
	}
	return sigs
}

// prepare sets up what happens on signals before there is a command, so that
// none is lost. What was ignored when we came stays ignored, in us and in the
// command, except for the signal that is to stop it.
func (j *job) prepare() (stop func()) {
	signals := make(chan os.Signal, 128) // room for one of each
	j.signals, j.hear = signals, signals
	c := &j.control
	ignored := inheritedIgnored()
	heard := func(sig syscall.Signal) bool {
		return sig == j.signal || sig == alarmSignal || !slices.Contains(ignored, sig)
	}
	for _, sig := range passedFirst {
		if heard(sig) {
			signal.Notify(signals, sig)
		} else {
			signal.Ignore(sig)
		}
	}
	for _, sig := range passedLater {
		if heard(sig) {
			c.later = append(c.later, sig)
		} else {
			signal.Ignore(sig)
		}
	}
	if j.signal > 0 && j.signal != syscall.SIGKILL && j.signal != syscall.SIGSTOP {
		signal.Notify(signals, j.signal)
	}
	if c.tty = openTerminal(); c.tty >= 0 {
		signal.Notify(signals, syscall.SIGCONT)
		if !slices.Contains(ignored, syscall.SIGTSTP) {
			signal.Notify(signals, syscall.SIGTSTP)
		}
	}
	if c.tty >= 0 || slices.Contains(ignored, syscall.SIGTTIN) || slices.Contains(ignored, syscall.SIGTTOU) {
		// A handler, and not yet SIG_IGN: a handler the command does not inherit.
		signal.Notify(make(chan os.Signal, 2), syscall.SIGTTIN, syscall.SIGTTOU)
	}
	return func() {
		if c.tty >= 0 {
			unix.Close(c.tty)
		}
	}
}

// start starts the command. The thread that does it must live on, since the
// command's death signal hangs on it.
func (c *jobControl) start(j *job, spec proc.Spec) (*proc.Tree, error) {
	runtime.LockOSThread()
	unblockAlarm()
	spec.Foreground = true
	if c.tty < 0 && !j.foreground {
		_ = unix.Setpgid(0, 0) // a session's leader has its group already
	}
	if c.tty >= 0 {
		stops := make(chan syscall.Signal, 16)
		j.stops = stops
		spec.OnStop = func(sig syscall.Signal) { stops <- sig }
	}
	tree, err := startCommand(spec)
	// From now on the terminal does not stop us when we print, or because the
	// command, in the background, wants to read: the clock must go on.
	signal.Ignore(syscall.SIGTTIN, syscall.SIGTTOU)
	if err == nil {
		go func() {
			for _, sig := range c.later {
				signal.Notify(j.hear, sig)
			}
		}()
	}
	return tree, err
}

// send passes a signal on, and wakes what is stopped so that it can hear it.
// With --foreground it is for the leader alone, and nobody is woken.
// The error says that it reached nobody: the command has made itself another
// user's, say.
func (c *jobControl) send(j *job, sig syscall.Signal) error {
	if j.foreground {
		return j.tree.SignalLeader(sig)
	}
	err := j.tree.SignalGroup(sig)
	if sig != syscall.SIGCONT {
		_ = j.tree.SignalGroup(syscall.SIGCONT)
	}
	return err
}

// asksToEnd reports whether a signal that is passed on asks the command to end.
// HUP does where a terminal may have hung up. To a program without one it means
// what that program makes of it: to read its configuration again, mostly.
func (c *jobControl) asksToEnd(j *job, sig syscall.Signal) bool {
	switch sig {
	case j.signal, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT:
		return true
	case unix.SIGHUP:
		return c.tty >= 0
	}
	return false
}

// ofJobControl reports whether a signal stops or continues: it ends nothing.
func ofJobControl(sig os.Signal) bool { return sig == syscall.SIGTSTP || sig == syscall.SIGCONT }

// handle takes the signals of job control, which are ours.
func (c *jobControl) handle(j *job, sig syscall.Signal) bool {
	switch {
	case c.tty < 0 || sig == j.signal:
		return false
	case sig == syscall.SIGCONT: // suspend has done the rest
		c.pressed = false
		return true
	case sig != syscall.SIGTSTP:
		return false
	}
	c.pressed = true
	if c.sent = !c.foreground(); c.sent { // from the keyboard the command has got it, too
		_ = j.tree.SignalGroup(syscall.SIGTSTP)
	}
	if c.leader != 0 {
		c.suspend(j)
	}
	return true
}

// leaderStopped hears that the leader was stopped, or continued.
func (c *jobControl) leaderStopped(j *job, sig syscall.Signal) {
	if c.ticker != nil {
		c.ticker.Stop()
		c.ticker = nil
	}
	c.leader = sig
	switch sig {
	case syscall.SIGCONT:
		c.leader = 0
	case syscall.SIGTTIN, syscall.SIGTTOU:
		c.ticker = time.NewTicker(foregroundPoll)
	default:
		if c.pressed {
			c.suspend(j)
		}
	}
}

// poll is the channel that says when to look for the terminal; nil mostly.
func (c *jobControl) poll() <-chan time.Time {
	if c.ticker == nil {
		return nil
	}
	return c.ticker.C
}

// polled lets the command go on once the terminal is its own. A shell's fg
// does not: to the shell we never stopped.
func (c *jobControl) polled(j *job) {
	if c.foreground() {
		_ = j.tree.SignalGroup(syscall.SIGCONT)
	}
}

// suspend stops us as the command is stopped, so that the shell takes the
// terminal back, and stops the clocks. It returns when the shell continues us.
func (c *jobControl) suspend(j *job) {
	clocks := []*clock{&j.deadline, &j.silence, &j.last}
	for _, cl := range clocks {
		cl.stop()
	}
	stopSelf()
	for _, cl := range clocks {
		cl.resume()
	}
	c.pressed, c.leader = false, 0
	if c.sent { // A shell continues the group. Ours on top could undo the next Ctrl-Z.
		_ = j.tree.SignalGroup(syscall.SIGCONT)
	}
}

// foreground reports whether the terminal is our group's.
func (c *jobControl) foreground() bool {
	group, err := unix.IoctlGetInt(c.tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// openTerminal opens the controlling terminal, or returns -1.
func openTerminal() int {
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

// inheritedFile makes a file of a descriptor that we were started with, and
// keeps it from the command.
func inheritedFile(fd int, name string) (*os.File, error) {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	if fd <= 2 { // the command needs it, too
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
		fd = dup
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name), nil
}
