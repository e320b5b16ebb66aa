package cli

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/outcome"
	"github.com/cutoff-run/cutoff/internal/proc"
)

// What is said of a command's end: the record of --json, the line on standard
// error, the exit status. The status follows the original: a limit that passed
// is 124, whatever came after it. The record tells why the command ended:
//
//   - for a limit, if one passed;
//   - else for a signal that was passed on, if that one asks for the end
//     (asksToEnd), or the command died of it, or of the KILL that --kill-after
//     had follow it. A signal that the command lives on after says nothing of
//     its end;
//   - else by itself.

// signalBits is a set of signals.
type signalBits uint64

func (s *signalBits) add(sig syscall.Signal) { *s |= 1 << (sig - 1) }

func (s signalBits) has(sig syscall.Signal) bool { return sig > 0 && s>>(sig-1)&1 != 0 }

// finish ends the tree and says how it all went.
func (j *job) finish() (cutoff.Result, error) {
	st, _ := j.tree.Ending()
	j.hearLate(st)
	var leaked int
	var err error
	if j.leave && !j.wanted(st) && st.ExitCode >= 0 {
		err = j.tree.Release()
	} else {
		leaked, err = j.tree.Close()
	}
	j.output.finish()
	return j.conclude(leaked), err
}

// hearLate judges the signals that came at the same time as the command's end:
// the keyboard's reach the command and us at once, and the command may be
// faster. One that exits with 0 has finished nevertheless.
func (j *job) hearLate(st proc.Status) {
	for more := true; more; {
		select {
		case sig := <-j.signals:
			j.late = append(j.late, sig)
		default:
			more = false
		}
	}
	j.late = slices.DeleteFunc(j.late, func(sig os.Signal) bool { return ofJobControl(sig) || sig == alarmSignal })
	for _, s := range j.late {
		sig := s.(syscall.Signal)
		j.passed.add(sig)
		j.asked = j.asked || st.ExitCode != 0 && j.control.asksToEnd(j, sig)
	}
}

// died reports whether the command died of a signal that was passed on to it.
func (j *job) died(st proc.Status) bool { return j.passed.has(st.Signal) }

// wanted reports whether the command's end is our doing at all.
func (j *job) wanted(st proc.Status) bool {
	return j.limit != "" || j.asked || j.killed || j.died(st)
}

// conclude makes the record, when nothing more is awaited.
func (j *job) conclude(leaked int) cutoff.Result {
	st, ended := j.tree.Ending()
	oom := j.tree.OOM()
	j.cutByOthers(st)
	res := cutoff.Result{
		PID: j.tree.PID(), Attempt: 1, Started: j.started, Wall: max(0, st.Ended.Sub(j.started)),
		User: st.User, System: st.System, MaxRSS: st.MaxRSS,
		ExitCode: st.ExitCode, Signal: st.SignalName(), CoreDumped: st.CoreDumped,
		Containment: string(j.tree.Level()), OutputBytes: j.output.bytes(),
	}
	res.Outcome = cutoff.Outcome(outcome.Decide(outcome.Ending{
		Started: true, Limit: string(j.limit), Canceled: j.wanted(st) && j.limit == "", Asked: j.asked || j.died(st),
		Death: outcome.CommandDeath(ended, st.ExitCode, st.Signal), OOM: outcome.OOMOf(oom.Own, oom.Elsewhere),
	}))
	if res.Outcome == cutoff.Memory {
		res.MemoryBy = cmp.Or(j.memoryBy, cutoff.ByMachine)
	}
	if res.Outcome.CutOff() {
		res.Stack = j.seen
	}
	if !j.wanted(st) {
		res.Leaked = leaked
	}
	if j.limit == "" { // it may have ended by itself after a limit and before the kill
		j.due = j.firstDeadline()
	}
	if !j.due.IsZero() {
		res.Overshoot = max(0, st.Ended.Sub(j.due))
	}
	res.Stalled = j.stall.Total(j.started, st.Ended, res.Overshoot)
	return res
}

// cutByOthers finds limits that were kept although we did not stop the command:
// the kernel was faster than we, or the command was. They are as good as a
// polite stop of ours.
func (j *job) cutByOthers(st proc.Status) {
	by := func(limit cutoff.Outcome) { j.limit, j.asked, j.expired = limit, true, true }
	if (!j.wanted(st) || j.limit == cutoff.CPU) && j.tree.Netted(j.cpu) {
		by(cutoff.CPU)
	}
	if !j.wanted(st) && j.memory > 0 && j.tree.OOM().Own > 0 { // whatever the leader made of its loss
		by(cutoff.Memory)
		j.memoryBy = cutoff.ByKernel
	}
	if (!j.wanted(st) || j.limit == cutoff.Output) && j.output.exceeded() { // what it wrote was cut, however it ended
		by(cutoff.Output)
	}
}

// firstDeadline returns when the first limit that is bound to time passes, or
// passed; zero if there is none.
func (j *job) firstDeadline() (first time.Time) {
	for _, c := range []*clock{&j.deadline, &j.silence} {
		if d := c.deadline(); c.runs() && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	return first
}

// ours reports whether the command was cut off for a limit that the original
// does not have.
func (j *job) ours() bool { return j.limit != "" && j.limit != cutoff.Timeout }

// tell says for which limit the command was cut off, where the exit status
// alone would leave the reader to guess. Of a time-out the original is silent.
func (j *job) tell(res cutoff.Result) {
	if !res.Outcome.CutOff() || res.Outcome == cutoff.Timeout {
		return
	}
	e := &cutoff.CutoffError{Outcome: res.Outcome, Result: res}
	switch res.Outcome {
	case cutoff.CPU:
		e.Limit = j.cpu
	case cutoff.Idle:
		e.Limit = j.idle
	case cutoff.Memory:
		e.Bytes = j.memory
	case cutoff.Output:
		e.Bytes = j.runOptions.output
	}
	_ = j.diagnose("%s %s", quote(j.command[0]), strings.TrimPrefix(e.Error(), "cutoff: "))
}

// status turns the end into our exit status, or into our own death: by the
// signal that the command died of, so that a shell can tell; and, as the
// original's whole group gets it, by the KILL that we sent.
func (j *job) status(res cutoff.Result) int {
	st := j.tree.Status()
	code := st.ExitCode
	preserve := j.preserve
	if sig := st.Signal; sig != 0 {
		if st.CoreDumped {
			_ = j.diagnose("the monitored command dumped core")
		}
		code = exitSignalBase + int(sig)
		if !j.expired || j.killed && !j.foreground && !j.ours() {
			dieOf(sig)
		}
		preserve = preserve || sig == syscall.SIGKILL
	}
	if j.limit == cutoff.Memory {
		return exitSignalBase + int(syscall.SIGKILL)
	}
	if j.expired && !preserve {
		return exitTimedOut
	}
	return code
}
