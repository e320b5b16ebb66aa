package cutoff

import "github.com/cutoff-run/cutoff/internal/stack"

// StuckIn names the place where the attempt was when it was stopped, as far as
// Stack tells it, so that attempts which are stuck alike can be counted
// together. Of a function it is the innermost function in its goroutine that
// belongs neither to the runtime nor to the standard library, without the
// directory of its package: "regexp2.(*runner).execute". Of a command it is the
// name of that process in its tree which had used the most processor time, and
// what the process waited for, if it did: "sleep (hrtimer_nanosleep)". It is
// empty where nothing is known.
func (r Result) StuckIn() string { return stack.Where(r.Stack) }
