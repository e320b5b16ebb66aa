package cli

import (
	"slices"
	"testing"

	"github.com/cutoff-run/cutoff/batch"
)

func TestParseJobs(t *testing.T) {
	for in, want := range map[string]int{
		"1": 1, "8": 8, "+0": 4, "+2": 6, "100%": 4, "50%": 2, "1%": 1, "250%": 10, "37.5%": 2,
		"0": 0, "-1": 0, "": 0, "x": 0, "+": 0, "+-1": 0, "%": 0, "0%": 0, "-5%": 0, "1e99%": 0, "NaN%": 0, "8 ": 0,
	} {
		if got, err := parseJobs(in, 4); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
}

// A seed is an order, of the same tasks.
func TestShuffled(t *testing.T) {
	tasks := func(yield func(batch.Task, error) bool) {
		for _, id := range "abcdefghijklmnopqrstuvwxyz" {
			if !yield(batch.Task{ID: string(id)}, nil) {
				return
			}
		}
	}
	order := func(seed int64) (ids string) {
		for task, err := range shuffled(tasks, seed) {
			if err != nil {
				t.Fatal(err)
			}
			ids += task.ID
		}
		return ids
	}
	one := order(1)
	if again := order(1); again != one {
		t.Errorf("the same seed made %s and %s", one, again)
	}
	if other := order(2); other == one || one == order(-1) {
		t.Errorf("other seeds made %s too", one)
	}
	sorted := []rune(one)
	slices.Sort(sorted)
	if string(sorted) != "abcdefghijklmnopqrstuvwxyz" {
		t.Errorf("tasks %s", one)
	}
}
