package cli

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestCombinationsAsParallel asks GNU parallel itself, where it is installed,
// what several sources make.
func TestCombinationsAsParallel(t *testing.T) {
	parallel, err := exec.LookPath("parallel")
	if err != nil {
		t.Skip("GNU parallel is not installed")
	}
	for _, args := range []string{
		"::: a b c ::: 1 2",
		"::: a b ::: 1 2 ::: x y z",
		"::: a b :::+ 1 2",
		"::: a b ::: 1 2 3 :::+ x y z",
		"::: a b :::+ A B ::: 1 2 :::+ x y",
		"::: a",
	} {
		words := strings.Fields(args)
		cmd := exec.Command(parallel, append([]string{"--dry-run", "-k", "echo"}, words...)...)
		cmd.Env = append(cmd.Environ(), "PARALLEL_HOME="+t.TempDir(), "HOME="+t.TempDir())
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		_, groups, err := splitArgs(append([]string{"echo"}, words...))
		if err != nil {
			t.Fatal(err)
		}
		src, err := new(inputFlags).open(groups, os.Stdin)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for it, err := range src.items {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, "echo "+it.text)
		}
		if want := strings.Split(strings.TrimSpace(string(out)), "\n"); !slices.Equal(got, want) || !src.finite {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

// More combinations than anybody counts are no input that is at hand.
func TestManyCombinations(t *testing.T) {
	many := make([]string, 1000)
	groups := slices.Repeat([]group{{":::", many}}, 4)
	src, err := new(inputFlags).open(groups, os.Stdin)
	if err != nil || src.finite {
		t.Fatalf("finite %v, %v", src.finite, err)
	}
	n := 0
	for _, err := range src.items { // lazily: a trillion would not fit
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 5 {
			break
		}
	}
}
