package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// retryFlags are the flags of the attempts after the first.
type retryFlags struct {
	max   int
	on    []string
	delay time.Duration
	scale float64
}

// The waits before retries double from the first, --retry-delay, up to
// longestDelay, each half as long again or half as short by chance, so that
// tasks that failed together do not come back together.
const (
	firstDelay   = time.Second
	longestDelay = time.Minute
	delayGrowth  = 2
	delayJitter  = 0.5
)

// retriable are the words that --retry-on takes: all ends that are a task's
// own and not good.
var retriable = append([]string{string(cutoff.Failed), string(cutoff.Crashed)}, cutOffs()...)

func addRetryFlags(cmd *cobra.Command, r *retryFlags) {
	r.delay = firstDelay
	f := cmd.Flags()
	f.IntVar(&r.max, "retries", 0, "run a task up to `N` times more if it did not end well")
	f.StringSliceVar(&r.on, "retry-on", []string{string(cutoff.Failed), string(cutoff.Crashed)}, "after which `OUTCOMES`")
	f.Var((*delayFlag)(&r.delay), "retry-delay", "how long the first retry waits; each further one twice as long, up to a minute, give or take a half; 0 is not at all")
	f.Float64Var(&r.scale, "retry-scale", 1, "make the limit that cut a task off `F` times as large for the next attempt")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("retry-on", cobra.FixedCompletions(retriable, cobra.ShellCompDirectiveNoFileComp)))
}

func (r *retryFlags) check(cmd *cobra.Command) error {
	if r.max < 0 {
		return usagef("--retries %d: give a number from 0 up", r.max)
	}
	for _, name := range []string{"retry-on", "retry-delay", "retry-scale"} {
		if cmd.Flags().Changed(name) && r.max == 0 {
			return usagef("--%s is about retries: add --retries N", name)
		}
	}
	for _, word := range r.on {
		if !slices.Contains(retriable, word) {
			return usagef("--retry-on %s: there are %s", quote(word), strings.Join(retriable, ", "))
		}
	}
	if !(r.scale >= 1) {
		return usagef("--retry-scale %s: give 1 or more", strconv.FormatFloat(r.scale, 'g', -1, 64))
	}
	cutOff := func(word string) bool { return cutoff.Outcome(word).CutOff() }
	if r.scale > 1 && !slices.ContainsFunc(r.on, cutOff) {
		return usagef("--retry-scale is about tasks that were cut off: name an outcome of theirs, as in --retry-on timeout")
	}
	return nil
}

// rule is what the batch has to know of it.
func (r *retryFlags) rule() batch.Retry {
	rule := batch.Retry{Max: r.max, Scale: r.scale, On: make([]cutoff.Outcome, len(r.on))}
	for i, word := range r.on {
		rule.On[i] = cutoff.Outcome(word)
	}
	if r.delay > 0 {
		rule.Backoff = r.wait
	}
	return rule
}

// wait returns how long the nth retry of a task waits. It keeps nothing
// between the calls: a batch that goes on with a journal knows n and no more.
func (r *retryFlags) wait(n int) time.Duration {
	b := backoff.ExponentialBackOff{
		InitialInterval: r.delay, Multiplier: delayGrowth, RandomizationFactor: delayJitter,
		MaxInterval: max(r.delay, longestDelay),
	}
	wait := b.NextBackOff()
	for range min(n-1, 64) { // it has long stopped growing then
		wait = b.NextBackOff()
	}
	return wait
}

// delayFlag is a flag for a time that may be zero.
type delayFlag time.Duration

func (f *delayFlag) String() string { return time.Duration(*f).String() }

func (f *delayFlag) Type() string { return "DURATION" }

func (f *delayFlag) Set(s string) error {
	d, err := parseDuration(s)
	*f = delayFlag(d)
	return err
}

// timeoutsFlag is a flag for the time limit: one, or one for each pass.
type timeoutsFlag struct {
	first  *time.Duration
	passes *[]time.Duration
}

func (f timeoutsFlag) String() string {
	if f.first == nil || *f.first == 0 { // of the zero value, which pflag asks
		return ""
	}
	words := []string{f.first.String()}
	for _, p := range *f.passes {
		words = append(words, p.String())
	}
	return strings.Join(words, ",")
}

func (f timeoutsFlag) Type() string { return "DURATION[,DURATION]..." }

func (f timeoutsFlag) Set(s string) error {
	var all []time.Duration
	for word := range strings.SplitSeq(s, ",") {
		d, err := parseLimit(word)
		if err != nil {
			return err
		}
		if len(all) > 0 && d <= all[len(all)-1] {
			return fmt.Errorf("each pass must have more time than the one before, and %s comes after %s", quote(word), all[len(all)-1])
		}
		all = append(all, d)
	}
	*f.first, *f.passes = all[0], all[1:]
	return nil
}
