// Package outcome holds the one function that names the reason an attempt
// ended: for calls, for commands, and for the command line, which runs
// commands under rules of its own.
package outcome

// An Answer is what the attempt itself had to say before it was gone.
type Answer int

const (
	// None: it died, or was killed, without one.
	None Answer = iota
	// Done: a function's whole reply without an error, or exit status 0 of a
	// command that had not been asked to stop.
	Done
	// Failed: a function's error, or another exit status.
	Failed
	// Died: it panicked, exited or died of a signal of its own before our stop
	// could reach it.
	Died
	// Stopped: it obeyed our polite stop. A command's exit after the signal is
	// always this, whatever its status; a function's reply after its context
	// was canceled is this if it carries an error, since a whole result that
	// arrives before the kill is a result.
	Stopped
)

// Ending is all that is known about how an attempt ended.
type Ending struct {
	Started  bool   // the work began in its process
	Limit    string // the limit for which we stopped it; empty if for none
	Canceled bool   // we stopped it because the caller said so
	Answer   Answer
	// Kernel is the limit for which the kernel killed a process of the tree:
	// "memory" or "cpu"; empty if for none.
	Kernel string
}

// Decide names the reason, as a value of cutoff.Outcome.
func Decide(e Ending) string {
	switch {
	case !e.Started:
		return "notstarted"
	case e.Answer == Done:
		return "ok" // complete before the kill, however close
	case e.Kernel != "":
		return e.Kernel // a leader that reports the end of its child has failed for this
	case e.Answer == Failed:
		return "failed" // of itself: it did not know that we were about to stop it
	case e.Answer == Died:
		return "crashed" // likewise
	case e.Limit != "":
		return e.Limit
	case e.Canceled:
		return "canceled"
	case e.Answer == Stopped:
		return "failed" // it says it was stopped, and nobody stopped it
	}
	return "crashed"
}
