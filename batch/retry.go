package batch

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cutoff-run/cutoff"
)

// Retry says which tasks run again, and how. The zero value lets none.
//
// Each attempt has its own records in the journal. Of the output, that of the
// last attempt is shown. A task that waits for its retry has no slot, and a
// batch that is stopped does not wait for it (see [Summary.Unretried]).
type Retry struct {
	// Max is how many further attempts a task may have. Zero means none. An
	// attempt that the batch itself has stopped (canceled), or that an earlier
	// run left without an end, is not counted, and nor are those that only
	// lead to the next pass.
	Max int
	// On are the outcomes after which a task runs again: any but ok, canceled
	// and notstarted. Nil means failed and crashed.
	On []cutoff.Outcome
	// Backoff returns how long the nth retry of a task waits, n from 1. It is
	// called by the goroutine that owns the batch. Nil means that none waits.
	Backoff func(n int) time.Duration
	// Scale makes the limit that cut an attempt off this many times as large
	// for the next attempt; other limits stay, and so does every limit after
	// an end of another kind. Zero and 1 leave it as it is; below 1 is an
	// error.
	Scale float64
}

// defaultOn is what Retry.On means when it is nil.
var defaultOn = []cutoff.Outcome{cutoff.Failed, cutoff.Crashed}

func (r *Retry) check() error {
	if r.Max < 0 {
		return fmt.Errorf("batch: Retry.Max is negative (%d)", r.Max)
	}
	if r.Scale != 0 && !(r.Scale >= 1) { // not a number is an error too
		return fmt.Errorf("batch: Retry.Scale is %v: use 1 or more, or zero for equal limits", r.Scale)
	}
	for _, o := range r.On {
		if o == cutoff.OK || o == cutoff.Canceled || o == cutoff.NotStarted || o == "" {
			return fmt.Errorf("batch: Retry.On has %q: such a task does not run again", o)
		}
	}
	return nil
}

// checkPasses refuses passes that would not give more time than those before.
func checkPasses(first time.Duration, passes []time.Duration) error {
	if len(passes) > 0 && first <= 0 {
		return errors.New("batch: Options.Passes needs Limits.Timeout, the timeout of the first pass")
	}
	before := first
	for _, p := range passes {
		if p <= before {
			return fmt.Errorf("batch: the timeouts of the passes must grow, and %v comes after %v", p, before)
		}
		before = p
	}
	return nil
}

func (r *Retry) on() []cutoff.Outcome {
	if r.On == nil {
		return defaultOn
	}
	return r.On
}

// wait returns how long the nth retry waits.
func (r *Retry) wait(n int) time.Duration {
	if r.Backoff == nil {
		return 0
	}
	return max(r.Backoff(n), 0)
}

// pass returns the pass that a task is in, from 0. A task is in a pass after
// as many timeouts; one with a timeout of its own stays in the first.
func (l *loop) pass(n *numbered) int {
	if n.attempt.Task.Limits.Timeout != 0 {
		return 0
	}
	return min(timesOf(cutoff.Timeout, n.again), len(l.opts.Passes))
}

func timesOf(o cutoff.Outcome, list []cutoff.Outcome) (n int) {
	for _, x := range list {
		if x == o {
			n++
		}
	}
	return n
}

// runsAgain reports whether a task of which an attempt ended so runs again,
// and whether it does in the next pass.
func (l *loop) runsAgain(n *numbered, o cutoff.Outcome) (again, nextPass bool) {
	pass := l.pass(n)
	if o == cutoff.Timeout && n.attempt.Task.Limits.Timeout == 0 && pass < len(l.opts.Passes) {
		return true, true
	}
	r := &l.opts.Retry
	return len(n.again)-pass < r.Max && slices.Contains(r.on(), o), false
}

// limits returns the limits of a task's next attempt.
func (l *loop) limits(n *numbered) cutoff.Limits {
	limits := n.attempt.Task.limits(l.opts.Limits)
	pass := l.pass(n)
	if pass > 0 {
		limits.Timeout = l.opts.Passes[pass-1]
	}
	scale := l.opts.Retry.Scale
	if scale <= 1 {
		return limits
	}
	limits.Timeout = scaled(limits.Timeout, scale, timesOf(cutoff.Timeout, n.again)-pass)
	limits.CPU = scaled(limits.CPU, scale, timesOf(cutoff.CPU, n.again))
	limits.Idle = scaled(limits.Idle, scale, timesOf(cutoff.Idle, n.again))
	limits.Memory = scaled(limits.Memory, scale, timesOf(cutoff.Memory, n.again))
	limits.Output = scaled(limits.Output, scale, timesOf(cutoff.Output, n.again))
	return limits
}

// scaled returns a limit after it has struck some times. What is too large to
// be counted is the largest that can be: zero would lift it.
func scaled[T ~int64](limit T, scale float64, times int) T {
	x := float64(limit) * math.Pow(scale, float64(times))
	if times == 0 || x >= math.MaxInt64 && limit == math.MaxInt64 {
		return limit
	}
	if x >= math.MaxInt64 {
		return math.MaxInt64
	}
	return T(x)
}

// passHopeless moves a task to the first pass that the ledger does not know to
// be too short, or says why there is none.
func (l *loop) passHopeless(n *numbered) error {
	for {
		err := l.opts.Ledger.check(&n.attempt.Task, n.record.Identity, n.attempt.Limits)
		if err == nil || n.attempt.Task.Limits.Timeout != 0 || l.pass(n) == len(l.opts.Passes) {
			return err
		}
		n.again = append(n.again[:len(n.again):len(n.again)], cutoff.Timeout)
		l.limit(n)
	}
}
