package cli

import (
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/deadline"
	"github.com/cutoff-run/cutoff/internal/proc"
)

// defaultSignal is what a command is stopped with.
const defaultSignal = syscall.SIGTERM

// killBound is how long a killed command may take to die before run gives up:
// only the kernel can hold it up, on broken hardware.
const killBound = 10 * time.Second

// job is one command under run's limits. One goroutine, in watch, owns it;
// everything that happens comes to it through channels.
type job struct {
	*runOptions
	tree    *proc.Tree
	signals <-chan os.Signal      // what was sent to us
	hear    chan<- os.Signal      // its other end
	stops   <-chan syscall.Signal // what job control did to the leader; nil without a terminal
	control jobControl
	output  *relay // nil unless there is a limit on silence or output

	started  time.Time
	deadline clock // of --timeout
	silence  clock // of --idle
	last     clock // from the first signal to the kill
	giveUp   <-chan time.Time
	gauge    *proc.Watch    // of --cpu and --memory; nil: none
	look     clock          // when it looks next
	stall    deadline.Stall // our own lateness

	next    syscall.Signal // what the next expiry sends
	expired bool           // a limit passed, or the time from the first signal to the kill
	ownPipe bool           // we write to a pipe that nobody reads

	// Why it ended, as far as that is our doing: see run_ending.go.
	limit    cutoff.Outcome // for which limit we stopped it; empty if for none
	due      time.Time      // when that limit passed
	memoryBy cutoff.MemoryBy
	seen     string      // what the tree did right before, if that is to be told
	passed   signalBits  // what was passed on to it
	asked    bool        // it got a signal that asks for its end: whatever it does then, it does because of it
	killed   bool        // it was sent KILL
	late     []os.Signal // what was sent to us when it had ended
}

// supervise runs the command and returns the exit status. It does not return
// at all if the command died of a signal: then we die of the same.
func (o *runOptions) supervise() (code int, err error) {
	var report *os.File
	if o.json != "" {
		if report, err = openJSON(o.json); err != nil {
			return exitOurs, err
		}
		defer report.Close()
	}
	j := &job{runOptions: o, next: o.signal}
	defer j.findLevel()()
	stop := j.prepare()
	defer stop()
	if code, err = j.start(); err != nil {
		if report != nil {
			err = errors.Join(err, writeJSON(report, cutoff.Result{Outcome: cutoff.NotStarted, ExitCode: -1}))
		}
		return code, err
	}
	werr := j.watch()
	res, cerr := j.finish()
	j.tell(res)
	if report != nil {
		err = writeJSON(report, res)
	}
	if err = errors.Join(werr, cerr, err); err != nil {
		return exitOurs, err
	}
	return j.status(res), nil
}

// findLevel finds out what can hold the tree, and starts the keeper, while the
// signals are prepared. The start waits for it; so does wait, for those that do
// not come so far.
func (j *job) findLevel() (wait func()) {
	if j.leave { // it takes not every level
		return func() {}
	}
	found := make(chan struct{})
	go func() {
		defer close(found)
		_, _ = proc.Find(proc.Level(j.level)) // the start will tell
	}()
	return func() { <-found }
}

// start starts the command and its clocks.
func (j *job) start() (code int, err error) {
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	if j.idle > 0 || j.runOptions.output > 0 {
		if j.output, err = newRelay(files, j.runOptions.output); err != nil {
			return exitOurs, err
		}
	}
	spec := proc.Spec{Level: proc.Level(j.level), Args: j.command, Env: os.Environ(), Files: files, LastSignal: j.signal, MayLive: j.leave}
	spec.Resources, spec.Memory = j.resources, j.memory
	j.tree, err = j.control.start(j, spec)
	if j.output != nil {
		j.output.started()
	}
	if err != nil {
		text, code := runFailure(err)
		if code != exitOurs {
			text = "failed to run command " + quote(j.command[0]) + ": " + text
		}
		return code, errors.New(text)
	}
	j.started = j.tree.Started()
	j.deadline.start(j.timeout, j.started)
	j.silence.start(j.idle, j.started)
	if j.gauge = j.tree.WatchAll(proc.Bounds{CPU: j.cpu, Memory: j.memory}); j.gauge != nil {
		j.look.start(j.gauge.First(), j.started)
	}
	return 0, nil
}

// watch is the life of the command: it returns when the command has ended, or
// could not be killed.
func (j *job) watch() error {
	deadline.Watch()
	defer deadline.Unwatch()
	for {
		select {
		case <-j.tree.Exited():
			return nil
		case sig := <-j.signals:
			j.received(sig.(syscall.Signal))
		case sig := <-j.stops:
			j.control.leaderStopped(j, sig)
		case <-j.control.poll():
			j.control.polled(j)
		case <-j.output.wrote():
			if j.limit == "" {
				j.silence.start(j.idle, time.Now())
			}
		case <-j.deadline.rings():
			j.rang(&j.deadline, cutoff.Timeout, j.timeout)
		case <-j.silence.rings():
			j.rang(&j.silence, cutoff.Idle, j.idle)
		case <-j.look.rings():
			j.measure()
		case <-j.output.tooMuch():
			j.output.full = nil
			j.expire(cutoff.Output, time.Now())
		case <-j.last.rings():
			if now := time.Now(); j.stall.Forgive(now, j.last.deadline(), j.last.left) {
				j.last.start(j.stall.Moved(now).Sub(now), now)
			} else if !j.ended() {
				j.stop()
			}
		case <-j.giveUp:
			return errors.New("the command was killed and does not end")
		}
	}
}

// rang acts on a clock that has run down. If that was long ago, nobody was here
// to see what came meanwhile, and the limit gets a fresh chance.
func (j *job) rang(c *clock, limit cutoff.Outcome, span time.Duration) {
	now, due := time.Now(), c.deadline()
	if j.stall.Forgive(now, due, span) {
		c.start(j.stall.Moved(due).Sub(now), now)
		return
	}
	j.expire(limit, due)
}

// measure looks at what the tree uses. Memory is stopped with KILL at once:
// whatever else is asked of it takes more.
func (j *job) measure() {
	now := time.Now()
	switch exceeded, next := j.gauge.Look(); exceeded {
	case proc.CPUExceeded:
		j.expire(cutoff.CPU, now)
	case proc.MemoryWatch, proc.MemoryKernel:
		j.next = syscall.SIGKILL
		j.memoryBy = cutoff.ByWatch
		if exceeded == proc.MemoryKernel {
			j.memoryBy = cutoff.ByKernel
		}
		j.expire(cutoff.Memory, now)
	default:
		j.look.start(next, now)
	}
}

// expire stops the command for a limit. The first limit is the reason, and the
// other has nothing more to say.
func (j *job) expire(limit cutoff.Outcome, due time.Time) {
	if j.ended() || j.limit != "" {
		return
	}
	j.limit, j.due = limit, due
	if j.json != "" && limit != cutoff.Memory { // which grows while we look
		j.seen = j.tree.Snapshot().String()
	}
	j.stop()
}

// stop sends the command what a limit sends.
func (j *job) stop() {
	j.expired = true
	if j.send(j.next) {
		j.asked = true
	}
}

// ended reports whether the command has ended, which settles how: what happens
// in the same moment comes too late.
func (j *job) ended() bool { return j.tree.Over() }

// received passes on what was sent to us.
func (j *job) received(sig syscall.Signal) {
	switch {
	case sig == brokenPipe && j.ownPipe:
	case j.ended():
		j.late = append(j.late, sig)
	case j.control.handle(j, sig):
	case sig == alarmSignal: // the original's own clock rings with it
		if j.limit == "" {
			j.expire(cutoff.Timeout, time.Now())
		} else {
			j.stop()
		}
	default:
		if j.send(sig) {
			j.passed.add(sig)
			j.asked = j.asked || j.control.asksToEnd(j, sig)
		}
	}
}

// send signals the command, and reports whether the signal was one that it can
// act on, and reached it. The first signal, whichever it is, starts the clock of
// --kill-after; what that and later expiries send is KILL.
func (j *job) send(sig syscall.Signal) (heard bool) {
	if j.killAfter > 0 {
		j.next = syscall.SIGKILL
		j.last.start(j.killAfter, time.Now())
		j.killAfter = 0
	}
	if j.verbose && j.diagnose("sending signal %s to command %s", signalName(sig), quote(j.command[0])) != nil {
		// Nobody reads us. The SIGPIPE that tells us so is not for the command.
		j.verbose, j.ownPipe = false, true
	}
	if sig == syscall.SIGKILL {
		j.killed = true
		j.tree.Kill()
		j.giveUp = time.After(killBound)
		return false
	}
	return j.control.send(j, sig) == nil && sig != 0
}
