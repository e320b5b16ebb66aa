package main

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/cutoff-run/cutoff"
)

const (
	kindPDF    = "pdf"
	kindRegexp = "regexp"
)

// kinds are the two halves of the batch, in the order of the summary.
var kinds = []string{kindPDF, kindRegexp}

// generators make task n of a kind. All that is random about it comes from rng.
var generators = map[string]func(rng *rand.Rand, n int) task{
	kindPDF:    brokenPDF,
	kindRegexp: nestedRegexp,
}

// task is one item of the batch: a call of a function with its input.
type task struct {
	kind     string
	number   int
	function string // the name it is registered under
	input    []byte // what --show prints
	label    string // the input in a few words
	size     int    // how much there is to understand about it
	call     func(context.Context, *cutoff.Pool) (cutoff.Result, error)
}

// id names the task on the command line, in the summary and in the journal.
func (t task) id() string { return t.kind + ":" + strconv.Itoa(t.number) }

// calling binds a function to its input, so that tasks of different types are
// of one type. Call alone would do where nobody asks for the Result of a call
// that went well.
func calling[In, Out any](f *cutoff.Func[In, Out], in In) func(context.Context, *cutoff.Pool) (cutoff.Result, error) {
	return func(ctx context.Context, pool *cutoff.Pool) (cutoff.Result, error) {
		call, err := f.Start(ctx, pool, in)
		if err != nil {
			return cutoff.Result{Outcome: cutoff.NotStarted, ExitCode: -1}, err
		}
		_, err = call.Wait()
		return call.Result(), err
	}
}

// generate makes one task. It depends on the seed and its own number alone,
// and so is the same in every batch.
func generate(seed uint64, kind string, n int) task {
	return generators[kind](rand.New(rand.NewPCG(seed, uint64(n))), n)
}

// batch yields so many tasks of each kind, mixed, each made when it is wanted.
func batch(seed uint64, count map[string]int) iter.Seq[task] {
	type place struct {
		kind   string
		number int
	}
	var order []place
	for _, kind := range kinds {
		for n := range count[kind] {
			order = append(order, place{kind, n})
		}
	}
	rng := rand.New(rand.NewPCG(seed, math.MaxUint64))
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return func(yield func(task) bool) {
		for _, p := range order {
			if !yield(generate(seed, p.kind, p.number)) {
				return
			}
		}
	}
}

// find makes the task that an id names.
func find(seed uint64, id string) (task, error) {
	kind, number, _ := strings.Cut(id, ":")
	n, err := strconv.Atoi(number)
	if generators[kind] == nil || err != nil || n < 0 {
		return task{}, fmt.Errorf("no task %q: say %s:17 or %s:17", id, kindPDF, kindRegexp)
	}
	return generate(seed, kind, n), nil
}
