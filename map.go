package cutoff

import (
	"context"
	"iter"
)

// Item is what became of one input of a Map.
type Item[In, Out any] struct {
	// Index is the input's place in the sequence, from 0.
	Index int
	// In is the input.
	In In
	// Out and Err are what Func.Call returned for it.
	Out Out
	Err error
	// Result is the record of the attempt.
	Result Result
}

// Map calls the function for every input and yields the items in the order in
// which they end. It runs as many calls at once as the pool has workers. The
// inputs are pulled lazily, from a goroutine of their own, and never more than
// are about to run, so that memory stays bounded however many there are: one
// for each worker and one more. Where calls turn out to take some microseconds
// only, a worker is sent several at a time, as many as it gets done in 0.4 ms
// and no more than 512, and so many inputs are pulled ahead. Each of them still
// has its own limits and its own outcome, and none waits longer than 1 ms for
// another.
//
// One item that fails, crashes or is cut off is an item with an Err; the rest
// goes on. When ctx is canceled, the calls that run are stopped, no further
// input is pulled, and the sequence ends after the items that were pulled. When
// the loop over the items breaks, the calls that still run are stopped. A
// sequence of inputs that blocks delays the end until it yields or returns.
func (f *Func[In, Out]) Map(ctx context.Context, pool *Pool, inputs iter.Seq[In]) iter.Seq[Item[In, Out]] {
	return func(yield func(Item[In, Out]) bool) {
		ctx, cancel := context.WithCancel(ctx)
		m := newMapping(ctx, f, pool)
		done := m.start(inputs)
		defer func() { // also if the loop's body panics
			cancel()
			for range done {
			}
		}()
		for items := range done {
			for _, it := range items {
				if !yield(it) {
					return
				}
			}
		}
	}
}

// ahead is how many items MapOrdered lets run ahead of the one it has to yield
// next, for each worker. They wait in memory.
const ahead = 16

// MapOrdered is Map in the order of the inputs. An item that takes long holds
// back those behind it, but not their work: up to 16 for each worker run
// ahead and wait.
func (f *Func[In, Out]) MapOrdered(ctx context.Context, pool *Pool, inputs iter.Seq[In]) iter.Seq[Item[In, Out]] {
	return func(yield func(Item[In, Out]) bool) {
		ctx, cancel := context.WithCancel(ctx)
		m := newMapping(ctx, f, pool)
		m.tickets = make(chan struct{}, ahead*m.width)
		done := m.start(inputs)
		defer func() {
			cancel()
			for range done {
			}
		}()
		waiting := map[int]Item[In, Out]{}
		next := 0
		for items := range done {
			for _, it := range items {
				waiting[it.Index] = it
			}
			for it, ok := waiting[next]; ok; it, ok = waiting[next] {
				delete(waiting, next)
				next++
				<-m.tickets
				if !yield(it) {
					return
				}
			}
		}
	}
}

// mapping is one Map under way.
type mapping[In, Out any] struct {
	f       *Func[In, Out]
	ctx     context.Context
	pool    *Pool
	width   int  // how many calls, or rows of them, run at once
	rows    bool // calls may come in rows
	todo    *intake[input[In]]
	tickets chan struct{} // MapOrdered: one for each input pulled, or about to be, and not yielded
}

// input is an input and its place in the sequence.
type input[In any] struct {
	index int
	in    In
}

func newMapping[In, Out any](ctx context.Context, f *Func[In, Out], pool *Pool) *mapping[In, Out] {
	m := &mapping[In, Out]{f: f, ctx: ctx, pool: pool, width: 1, todo: newIntake[input[In]]()}
	if pool != nil && pool.e != nil { // else there is an error for each input
		m.width, m.rows = pool.e.opts.Workers, pool.e.mayRow(pool.limits)
	}
	return m
}

// start pulls the inputs and calls the function on width goroutines. The items
// arrive on the channel that it returns, which is closed after the last. They
// are to be used before the next are received.
func (m *mapping[In, Out]) start(inputs iter.Seq[In]) <-chan []Item[In, Out] {
	done := make(chan []Item[In, Out])
	go func() {
		defer m.todo.end()
		m.pull(inputs)
	}()
	ended := make(chan struct{})
	for range m.width {
		go func() {
			defer func() { ended <- struct{}{} }()
			l := &lane[In, Out]{mapping: m, done: done, size: 1}
			l.serve()
		}()
	}
	go func() {
		defer close(done)
		for range m.width {
			<-ended
		}
	}()
	return done
}

// pull takes in the inputs until they end or nobody wants any more.
func (m *mapping[In, Out]) pull(inputs iter.Seq[In]) {
	if !m.admit() {
		return
	}
	index := 0
	for in := range inputs {
		m.todo.put(input[In]{index, in}) // what was pulled gets its item
		index++
		if !m.admit() {
			return
		}
	}
}

// admit waits until another input may be pulled, and reports whether one is
// still wanted.
func (m *mapping[In, Out]) admit() bool {
	if m.tickets != nil {
		select {
		case m.tickets <- struct{}{}:
		case <-m.ctx.Done():
		}
	}
	return m.ctx.Err() == nil
}
