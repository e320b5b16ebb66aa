package batch

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cutoff-run/cutoff"
)

// ErrBudget is why a batch ends that has used up Options.Budget.
var ErrBudget = errors.New("batch: the budget is used up")

// outOfBudget ends the batch at its deadline, and with it all that runs.
func (l *loop) outOfBudget() { l.fail(fmt.Errorf("%w (%v)", ErrBudget, l.opts.Budget)) }

// deadline returns when an attempt that starts now ends at the latest: by its
// timeout, or with the batch. Zero means never.
func (l *loop) deadline(timeout time.Duration) (d time.Time) {
	if timeout > 0 {
		d = time.Now().Add(timeout)
	}
	if end := l.sum.Started.Add(l.opts.Budget); l.opts.Budget > 0 && (d.IsZero() || end.Before(d)) {
		d = end
	}
	return d
}

// Latest returns how long a batch takes at the most, whatever its tasks do,
// beside what their starts and ends take themselves (some milliseconds each):
// only hard limits can promise that. It is false where nobody can know: there
// is no budget, and a task has no timeout, or its retries wait for a time that
// Options.Retry.Backoff alone knows.
//
// The tasks are read to their end. Nil means tasks of an unknown number: then
// the budget alone can promise anything.
func Latest(tasks iter.Seq2[Task, error], opts Options) (time.Duration, bool) {
	if err := opts.fill(); err != nil {
		return 0, false
	}
	budget := add(opts.Budget, opts.Limits.Grace)
	longest, ok := opts.longest(tasks)
	switch {
	case opts.Budget == 0:
		return longest, ok
	case ok:
		return min(budget, longest), true
	}
	return budget, true
}

// longest returns how long tasks take at the most, if there is no budget.
//
// At any time before the last task ends either all slots are in use, or that
// task itself has one: so the batch takes what the others fill all slots with,
// and then the longest of them. (It runs in several attempts one after the
// other, which changes nothing.)
func (o *Options) longest(tasks iter.Seq2[Task, error]) (time.Duration, bool) {
	if tasks == nil || o.Hold != nil || o.Resize != nil || o.Retry.Max > 0 && o.Retry.Backoff != nil {
		return 0, false
	}
	var n, all, most time.Duration
	for t, err := range tasks {
		if err != nil {
			return 0, false
		}
		d, ok := o.longestTask(&t)
		if !ok {
			return 0, false
		}
		n, all, most = n+1, add(all, d), max(most, d)
	}
	slots := time.Duration(o.Slots)
	rounds := times((n+slots-1)/slots, most)
	attempts := times(n, time.Duration(1+len(o.Passes)+o.Retry.Max))
	return add(min(rounds, add((all-most)/slots, most)), times(attempts, o.Delay)), true
}

// longestTask returns how long all attempts of a task take at the most.
func (o *Options) longestTask(t *Task) (sum time.Duration, ok bool) {
	limits := t.limits(o.Limits)
	timeouts := []time.Duration{limits.Timeout}
	if t.Limits.Timeout == 0 {
		timeouts = append(timeouts, o.Passes...)
	}
	last := timeouts[len(timeouts)-1]
	if last <= 0 {
		return 0, false
	}
	for _, d := range timeouts {
		sum = add(sum, add(d, limits.Grace))
	}
	for range o.Retry.Max {
		if slices.Contains(o.Retry.on(), cutoff.Timeout) && o.Retry.Scale > 1 {
			last = scaled(last, o.Retry.Scale, 1)
		}
		if sum == forever {
			break
		}
		sum = add(sum, add(last, limits.Grace))
	}
	return sum, true
}

// forever is what is too long to be counted.
const forever = time.Duration(1<<63 - 1)

// add adds durations that are not negative.
func add(a, b time.Duration) time.Duration {
	if a > forever-b {
		return forever
	}
	return a + b
}

// times multiplies a number with a duration, neither negative.
func times(n, d time.Duration) time.Duration {
	if d > 0 && n > forever/d {
		return forever
	}
	return n * d
}
