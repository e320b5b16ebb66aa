// Package batch runs many tasks under one set of rules: so many at a time,
// each under its limits, each with exactly one outcome, all of it in a
// journal.
//
//	tasks := func(yield func(batch.Task, error) bool) {
//		for _, file := range files {
//			if !yield(batch.Task{ID: file, Argv: []string{"minisat", file}}, nil) {
//				return
//			}
//		}
//	}
//	sum, err := batch.Run(ctx, batch.CommandRunner{}, tasks, batch.Options{
//		Slots:  4,
//		Limits: cutoff.Limits{Timeout: 2 * time.Second},
//		Stdout: os.Stdout,
//	})
//
// A [Runner] runs one attempt of one task. [CommandRunner] runs commands; any
// other place where work can run is one more Runner, and the package batchtest
// holds it to the same rules.
//
// With a journal a batch can go on after a crash or an interruption. The tasks
// that have ended are told by what they run and their input, not by their
// number, and are not run again:
//
//	w, state, err := journal.Resume("run.jsonl", journal.Header{Slots: 4, Limits: limits}, journal.Options{})
//	...
//	sum, err := batch.Run(ctx, runner, tasks, batch.Options{Journal: w, Resume: state, Slots: 4, Limits: limits})
//
// Tasks are taken from the input only when one can start, so a batch needs the
// memory of the tasks that run now, however many there are. (With a journal, a
// few bytes are kept for each distinct task: see [journal.Occurrences].)
package batch
