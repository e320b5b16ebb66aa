package batch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/journal"
)

// A program of its own runner goes on with a journal where it ended.
func Example_resume() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "run.jsonl")

	ctx, cancel := context.WithCancelCause(context.Background())
	runner := runnerFunc(func(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
		fmt.Printf("%s, attempt %d\n", a.Task.ID, a.Number)
		if a.Task.ID == "two" && a.Number == 1 {
			err := errors.New("the lights went out")
			cancel(err)
			return cutoff.Result{Outcome: cutoff.Canceled, Started: time.Now()}, err
		}
		return cutoff.Result{Outcome: cutoff.OK, Started: time.Now()}, nil
	})

	w, err := journal.Create(path, journal.Header{Slots: 1}, journal.Options{})
	if err != nil {
		panic(err)
	}
	_, err = batch.Run(ctx, runner, list("one", "two", "three"), batch.Options{Slots: 1, Journal: w})
	fmt.Println(err)
	_ = w.Close()

	w, state, err := journal.Resume(path, journal.Header{Slots: 1}, journal.Options{})
	if err != nil {
		panic(err)
	}
	defer w.Close()
	sum, err := batch.Run(context.Background(), runner, list("zero", "one", "two", "three"), batch.Options{Slots: 1, Journal: w, Resume: state})
	fmt.Println(sum.Tasks, "tasks,", sum.Skipped, "of them done before,", err)
	// Output:
	// one, attempt 1
	// two, attempt 1
	// the lights went out
	// zero, attempt 1
	// two, attempt 2
	// three, attempt 1
	// 4 tasks, 1 of them done before, <nil>
}
