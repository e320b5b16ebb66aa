package main

import (
	"context"
	"math/rand/v2"
	"strings"

	"github.com/cutoff-run/cutoff"
	"github.com/dlclark/regexp2"
)

// search is a regular expression and the text to look for it in.
type search struct {
	Pattern string
	Text    string
}

// match reports whether the pattern is in the text. regexp2 backtracks as Perl
// and .NET do: a pattern of a few characters can take longer than the age of
// the universe.
var match = cutoff.Register("match", func(_ context.Context, s search) (bool, error) {
	re, err := regexp2.Compile(s.Pattern, regexp2.None)
	if err != nil {
		return false, err
	}
	return re.MatchString(s.Text)
})

// nestedRegexp is task n of its kind: a random pattern with nested quantifiers
// and a short text that it nearly matches. Patterns that do not compile are
// thrown away.
func nestedRegexp(rng *rand.Rand, n int) task {
	for {
		s := search{Pattern: pattern(rng, 2), Text: text(rng)}
		if rng.IntN(2) == 0 {
			s.Pattern = "^" + s.Pattern + "$"
		}
		if _, err := regexp2.Compile(s.Pattern, regexp2.None); err != nil {
			continue
		}
		return task{
			kind: kindRegexp, number: n, input: []byte(s.Pattern + "\n" + s.Text + "\n"), size: len(s.Pattern),
			label: s.Pattern,
			call:  calling(match, s), function: match.Name(),
		}
	}
}

var quantifiers = []string{"*", "+", "?", "{1,3}", "{2}", "*?", "+?"}

// pattern returns one to three parts, some of them groups with parts of their
// own up to a depth, most of them repeated.
func pattern(rng *rand.Rand, depth int) string {
	var p strings.Builder
	for i := range 1 + rng.IntN(3) {
		if i > 0 && rng.IntN(5) == 0 {
			p.WriteByte('|')
		}
		if depth > 0 && rng.IntN(3) > 0 {
			p.WriteString("(" + pattern(rng, depth-1) + ")")
		} else {
			atoms := []string{"a", "b", "ab", "[ab]", ".", "\\w", "c"}
			p.WriteString(atoms[rng.IntN(len(atoms))])
		}
		if rng.IntN(3) > 0 {
			p.WriteString(quantifiers[rng.IntN(len(quantifiers))])
		}
	}
	return p.String()
}

// text returns 10 to 30 letters, mostly a, and an end that spoils the match.
func text(rng *rand.Rand) string {
	t := make([]byte, 10+rng.IntN(21))
	for i := range t {
		t[i] = "aaab"[rng.IntN(4)]
	}
	return string(t) + "!"
}
