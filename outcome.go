package cutoff

import "github.com/cutoff-run/cutoff/internal/outcome"

// An answer is what the attempt itself had to say before it was gone.
type answer = outcome.Answer

const (
	noAnswer      = outcome.None
	answerDone    = outcome.Done
	answerFailed  = outcome.Failed
	answerDied    = outcome.Died
	answerStopped = outcome.Stopped
)

// ending is all that is known about how an attempt ended.
type ending struct {
	started  bool    // the work began in its process
	limit    Outcome // the limit for which we stopped it; empty if for none
	canceled bool    // we stopped it because the caller said so
	answer   answer
}

// decide names the reason an attempt ended.
func decide(e ending) Outcome {
	return Outcome(outcome.Decide(outcome.Ending{
		Started: e.started, Limit: string(e.limit), Canceled: e.canceled, Answer: e.answer,
	}))
}
