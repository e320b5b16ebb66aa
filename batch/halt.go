package batch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cutoff-run/cutoff"
)

// ErrHalted is why a batch ends because of Options.Halt.
var ErrHalted = errors.New("batch: halted")

// haltLeast is how many tasks must have ended badly before a share of them
// means anything: the first task that fails is all of them.
const haltLeast = 3

// Halt is a rule that ends a batch early: so many of its tasks have ended so.
// Only tasks that this run has settled count: none that an earlier run has
// settled, none that will run again, and none that did not start because of
// the ledger or the end of the batch.
type Halt struct {
	// Outcomes are those that count.
	Outcomes []cutoff.Outcome
	// Count is how many such tasks are too many. Zero means that Percent says
	// it; exactly one of the two is set.
	Count int64
	// Percent is the share of them, among all that have ended, that is too
	// much. It takes three of them at the least.
	Percent float64
	// Now stops what runs, too. Otherwise that is waited for.
	Now bool
}

func (h *Halt) check() error {
	switch {
	case len(h.Outcomes) == 0:
		return errors.New("batch: Halt.Outcomes is empty")
	case h.Count < 0 || h.Percent < 0 || h.Percent > 100 || (h.Count > 0) == (h.Percent > 0):
		return fmt.Errorf("batch: a Halt needs either a positive Count or a Percent up to 100, and has %d and %v", h.Count, h.Percent)
	}
	return nil
}

// halter counts for one rule.
type halter struct {
	rule Halt
	n    int64
}

// add counts a task that has ended, the one of that number, and returns why
// the batch has to end now, if it does.
func (h *halter) add(o cutoff.Outcome, all int64) error {
	if slices.Contains(h.rule.Outcomes, o) {
		h.n++
	}
	switch {
	case h.rule.Count > 0 && h.n >= h.rule.Count:
		return fmt.Errorf("%w: %d of %d tasks ended as %s", ErrHalted, h.n, all, h.what())
	case h.rule.Percent > 0 && h.n >= haltLeast && float64(h.n) >= h.rule.Percent/100*float64(all):
		return fmt.Errorf("%w: %.3g %% of %d tasks ended as %s", ErrHalted, 100*float64(h.n)/float64(all), all, h.what())
	}
	return nil
}

// what names the outcomes that count.
func (h *halter) what() string {
	words := make([]string, len(h.rule.Outcomes))
	for i, o := range h.rule.Outcomes {
		words[i] = string(o)
	}
	return strings.Join(words, " or ")
}

// halt ends the batch if a rule wants that after this end of a task.
func (l *loop) halt(e ended) {
	if l.stopped || errors.Is(e.err, ErrHopeless) {
		return
	}
	l.settled++
	for i := range l.halters {
		h := &l.halters[i]
		switch err := h.add(e.result.Outcome, l.settled); {
		case err != nil && h.rule.Now:
			l.fail(err)
		case err != nil:
			l.stop(err, false)
		}
	}
}
