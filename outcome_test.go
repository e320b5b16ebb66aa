package cutoff

import "testing"

// TestDecide holds the decision over every combination of its inputs.
func TestDecide(t *testing.T) {
	limits := []Outcome{"", Timeout, Idle}
	answers := []answer{noAnswer, answerDone, answerFailed, answerDied, answerStopped}
	for _, started := range []bool{false, true} {
		for _, limit := range limits {
			for _, canceled := range []bool{false, true} {
				for _, a := range answers {
					e := ending{started, limit, canceled, a}
					if got, want := decide(e), wantOutcome(e); got != want {
						t.Errorf("decide(%+v) = %q, want %q", e, got, want)
					}
				}
			}
		}
	}
}

// wantOutcome states the rules one by one, most specific first, in other words
// than decide does.
func wantOutcome(e ending) Outcome {
	acted := Crashed // nobody acted and nothing was said
	if e.canceled {
		acted = Canceled
	}
	if e.limit != "" {
		acted = e.limit // a limit that fired is why we acted, also if the caller then gave up
	}
	table := map[answer]Outcome{noAnswer: acted, answerDone: OK, answerFailed: Failed, answerDied: Crashed, answerStopped: acted}
	if acted == Crashed {
		table[answerStopped] = Failed
	}
	if !e.started {
		return NotStarted
	}
	return table[e.answer]
}
