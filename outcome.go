package cutoff

// An answer is what the attempt itself had to say before it was gone.
type answer int

const (
	// noAnswer: it died, or was killed, without one.
	noAnswer answer = iota
	// answerDone: a function's whole reply without an error, or exit status 0
	// of a command that had not been asked to stop.
	answerDone
	// answerFailed: a function's error, or another exit status.
	answerFailed
	// answerDied: it panicked, exited or died of a signal of its own before our
	// stop could reach it.
	answerDied
	// answerStopped: it obeyed our polite stop. A command's exit after the
	// signal is always this, whatever its status; a function's reply after its
	// context was canceled is this if it carries an error, since a whole
	// result that arrives before the kill is a result.
	answerStopped
)

// ending is all that is known about how an attempt ended.
type ending struct {
	started  bool    // the work began in its process
	limit    Outcome // the limit for which we stopped it; empty if for none
	canceled bool    // we stopped it because the caller said so
	answer   answer
}

// decide is the one function that names the reason an attempt ended: for
// commands, for calls, and so for every tool above them.
func decide(e ending) Outcome {
	switch {
	case !e.started:
		return NotStarted
	case e.answer == answerDone:
		return OK // complete before the kill, however close
	case e.answer == answerFailed:
		return Failed // of itself: it did not know that we were about to stop it
	case e.answer == answerDied:
		return Crashed // likewise
	case e.limit != "":
		return e.limit
	case e.canceled:
		return Canceled
	case e.answer == answerStopped:
		return Failed // it says it was stopped, and nobody stopped it
	}
	return Crashed
}
