package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

const (
	maxPlaces   = 1000 // that are told apart
	shownPlaces = 5
)

// stuckTally counts where tasks were stuck when they were cut off. It needs the
// same memory for any number of tasks: what comes after the first thousand
// different places is counted among all alone.
type stuckTally struct {
	count map[string]int64
	all   int64
}

// add counts a task that was cut off.
func (p *stuckTally) add(r cutoff.Result) {
	p.all++
	where := progress.OneLine(r.StuckIn(), 100)
	if _, ok := p.count[where]; where == "" || !ok && len(p.count) == maxPlaces {
		return
	}
	if p.count == nil {
		p.count = map[string]int64{}
	}
	p.count[where]++
}

// print writes the places where most were stuck.
func (p *stuckTally) print(w io.Writer) {
	names := slices.SortedFunc(maps.Keys(p.count), func(a, b string) int {
		return cmp.Or(cmp.Compare(p.count[b], p.count[a]), cmp.Compare(a, b))
	})
	for _, name := range names[:min(len(names), shownPlaces)] {
		fmt.Fprintf(w, "  %s of %s cut off in %s\n", progress.Count(p.count[name]), progress.Count(p.all), name)
	}
	if len(names) <= shownPlaces {
		return
	}
	var n int64
	for _, name := range names[shownPlaces:] {
		n += p.count[name]
	}
	fmt.Fprintf(w, "  and %s in %s\n", progress.Count(n), progress.Counted(int64(len(names)-shownPlaces), "other place"))
}
