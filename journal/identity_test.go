package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// identityText is what the example of docs/JOURNAL.md hashes.
const identityText = "17:cutoff identity 1,4:argv,1:2,7:minisat,7:a b.cnf,1:2,6:LANG=C,6:SEED=7,3:cnf,6:p cnf\n,"

// The encoding is public: other programs compute it.
func TestIdentityEncoding(t *testing.T) {
	w := Work{Argv: []string{"minisat", "a b.cnf"}, Env: []string{"SEED=1", "LANG=C", "SEED=7"}, Dir: "cnf", Stdin: []byte("p cnf\n")}
	sum := sha256.Sum256([]byte(identityText))
	if got, want := w.Identity(), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("Identity = %s, want the hash of %q: %s", got, identityText, want)
	}
}

// Tasks that differ in what runs or in its input never share an identity, also
// where a naive concatenation would be equal.
func TestIdentityTellsApart(t *testing.T) {
	seen := map[string]int{}
	for i, w := range []Work{
		{},
		{Argv: []string{"a"}},
		{Argv: []string{"a", ""}},
		{Argv: []string{"a", "b"}},
		{Argv: []string{"a b"}},
		{Argv: []string{"a,1:b"}},
		{Cmd: "a"},
		{Func: "a"},
		{Argv: []string{"a"}, Env: []string{"A=b"}},
		{Argv: []string{"a"}, Env: []string{"A=b", "B="}},
		{Argv: []string{"a", "A=b"}},
		{Argv: []string{"a"}, Dir: "b"},
		{Argv: []string{"a"}, Stdin: []byte("b")},
		{Func: "a", Stdin: []byte("b")},
	} {
		id := w.Identity()
		if j, ok := seen[id]; ok {
			t.Errorf("works %d and %d have one identity", j, i)
		}
		seen[id] = i
	}
}

func TestIdentityOfEqualWork(t *testing.T) {
	a := Work{Argv: []string{"a"}, Env: []string{"X=1", "Y=2"}}
	b := Work{Argv: []string{"a"}, Env: []string{"Y=0", "Y=2", "X=1"}, Stdin: []byte{}}
	if a.Identity() != b.Identity() {
		t.Error("the order of the environment, or a value that is replaced, changes the identity")
	}
}

func TestOccurrences(t *testing.T) {
	var o Occurrences
	a, b := Work{Cmd: "a"}.Identity(), Work{Cmd: "b"}.Identity()
	for i, c := range []struct {
		id   string
		want int
	}{{a, 1}, {b, 1}, {a, 2}, {a, 3}, {b, 2}} {
		if got := o.Next(c.id); got != c.want {
			t.Errorf("step %d: %d, want %d", i, got, c.want)
		}
	}
}
