package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// Work is what a task runs and its input: all that decides whether two tasks
// are the same. Limits, position and name do not belong to it.
type Work struct {
	// Exactly one of Argv, Cmd and Func is set; they mean what they mean in
	// [Task].
	Argv []string
	Cmd  string
	Func string
	// Env is what the task adds to the environment, as NAME=value. The order
	// does not matter; of two values for a name the last one counts.
	Env []string
	// Dir is the working directory as the task names it, empty for the run's.
	Dir string
	// Stdin is the task's own standard input, for a Func its encoded input.
	Stdin []byte
}

// identityVersion opens the hashed text. It changes when the encoding does.
const identityVersion = "cutoff identity 1"

// Identity returns the SHA-256 of w in hexadecimal. The hashed text is a
// sequence of netstrings (the length in decimal, a colon, the bytes, a comma),
// so that no two different tasks encode alike:
//
//	"cutoff identity 1"
//	"argv", "cmd" or "func"
//	the number of words, then each word; for cmd and func there is one
//	the number of environment entries, then each as NAME=value, sorted by bytes
//	the directory
//	the standard input
func (w Work) Identity() string {
	// One buffer and one hash: a resume does this for every task of its list.
	b := make(netstrings, 0, 256)
	b.text(identityVersion)
	switch {
	case w.Cmd != "":
		b.text("cmd")
		b.list([]string{w.Cmd})
	case w.Func != "":
		b.text("func")
		b.list([]string{w.Func})
	default:
		b.text("argv")
		b.list(w.Argv)
	}
	b.list(canonicalEnv(w.Env))
	b.text(w.Dir)
	b.text(string(w.Stdin))
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonicalEnv sorts env and keeps the last value of each name.
func canonicalEnv(env []string) []string {
	if len(env) == 0 {
		return nil
	}
	last := make(map[string]string, len(env))
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		last[name] = e
	}
	out := make([]string, 0, len(last))
	for _, e := range last {
		out = append(out, e)
	}
	slices.Sort(out)
	return out
}

// netstrings is the text that is hashed.
type netstrings []byte

func (b *netstrings) text(s string) {
	*b = strconv.AppendInt(*b, int64(len(s)), 10)
	*b = append(*b, ':')
	*b = append(*b, s...)
	*b = append(*b, ',')
}

func (b *netstrings) list(words []string) {
	b.text(strconv.Itoa(len(words)))
	for _, w := range words {
		b.text(w)
	}
}

// Occurrences counts equal tasks in the order of the input. The zero value is
// ready; it is for one goroutine. It needs about 20 to 40 bytes for each
// distinct task, whatever the tasks' size.
type Occurrences struct{ seen map[uint64]uint32 }

// Next returns how many tasks of this identity there have been, with this one.
//
// It remembers 64 bits of each. Should two different tasks ever agree in
// them, the later one counts from 2; a resume would still never take one for
// the other, since it compares whole identities.
func (o *Occurrences) Next(identity string) int {
	if o.seen == nil {
		o.seen = map[uint64]uint32{}
	}
	h := fnv.New64a()
	h.Write([]byte(identity))
	o.seen[h.Sum64()]++
	return int(o.seen[h.Sum64()])
}
