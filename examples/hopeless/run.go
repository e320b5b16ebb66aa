package main

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// attempt is what became of a task.
type attempt struct {
	task
	result cutoff.Result
	err    error
	lost   error // why the journal does not tell of it
}

// work runs the tasks on the pool, one at a time in each slot, and yields them
// in the order in which they end. When ctx is canceled or the loop breaks, the
// calls that run are stopped and no others start.
func work(ctx context.Context, pool *cutoff.Pool, slots int, tasks iter.Seq[task], log log) iter.Seq[attempt] {
	return func(yield func(attempt) bool) {
		ctx, cancel := context.WithCancel(ctx)
		todo, done := make(chan entry), make(chan attempt)
		var workers sync.WaitGroup
		for slot := range slots {
			workers.Go(func() {
				for e := range todo {
					e.record.Slot = slot + 1
					a := attempt{task: e.task, lost: log.started(e.record)}
					a.result, a.err = e.call(ctx, pool)
					a.lost = errors.Join(a.lost, log.ended(e.record, a))
					done <- a
				}
			})
		}
		go func() {
			feed(ctx, tasks, todo)
			workers.Wait()
			close(done)
		}()
		defer func() { // also if the loop breaks
			cancel()
			for range done {
			}
		}()
		for a := range done {
			if !yield(a) {
				return
			}
		}
	}
}

// entry is a task on its way to a slot.
type entry struct {
	task
	record journal.Task
}

// feed numbers the tasks and hands them out until they end or ctx does.
func feed(ctx context.Context, tasks iter.Seq[task], todo chan<- entry) {
	defer close(todo)
	var occurrences journal.Occurrences
	seq := int64(0)
	for t := range tasks {
		seq++
		id := journal.Work{Func: t.function, Stdin: t.input}.Identity()
		e := entry{t, journal.Task{
			Seq: seq, ID: t.id(), Func: t.function, Identity: id, Occurrence: occurrences.Next(id),
		}}
		select {
		case todo <- e:
		case <-ctx.Done():
			return
		}
	}
}

// log is the journal, or nothing if none is wanted.
type log struct{ w *journal.Writer }

func openLog(path string, h journal.Header) (log, error) {
	if path == "" {
		return log{}, nil
	}
	w, err := journal.Create(path, h, journal.Options{})
	return log{w}, err
}

// started goes before the call, so that a reader knows of every call that may
// have run.
func (l log) started(t journal.Task) error {
	if l.w == nil {
		return nil
	}
	return l.w.Started(journal.Started{Task: t, Attempt: 1})
}

// ended goes before anybody else is told.
func (l log) ended(t journal.Task, a attempt) error {
	if l.w == nil {
		return nil
	}
	r := journal.Ended{Task: t, Result: a.result}
	if a.err != nil {
		r.Error = a.err.Error()
	}
	return l.w.Ended(r)
}

func (l log) close() error {
	if l.w == nil {
		return nil
	}
	return l.w.Close()
}
