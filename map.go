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
// are about to run, so that memory stays bounded however many there are.
//
// One item that fails, crashes or is cut off is an item with an Err; the rest
// goes on. When ctx is canceled, the calls that run are stopped, no further
// input is pulled, and the sequence ends after the items that were pulled. When
// the loop over the items breaks, the calls that still run are stopped. A
// sequence of inputs that blocks delays the end until it yields or returns.
func (f *Func[In, Out]) Map(ctx context.Context, pool *Pool, inputs iter.Seq[In]) iter.Seq[Item[In, Out]] {
	return func(yield func(Item[In, Out]) bool) {
		ctx, cancel := context.WithCancel(ctx)
		m := &mapping[In, Out]{f: f, ctx: ctx, pool: pool}
		done := m.start(inputs, m.width())
		defer func() { // also if the loop's body panics
			cancel()
			for range done {
			}
		}()
		for it := range done {
			if !yield(it) {
				return
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
		m := &mapping[In, Out]{f: f, ctx: ctx, pool: pool}
		width := m.width()
		m.tickets = make(chan struct{}, ahead*width)
		done := m.start(inputs, width)
		defer func() {
			cancel()
			for range done {
			}
		}()
		waiting := map[int]Item[In, Out]{}
		next := 0
		for it := range done {
			waiting[it.Index] = it
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
	tickets chan struct{} // MapOrdered: one for each input pulled, or about to be, and not yielded
}

// width is how many calls run at once. A nil pool has an error for each input.
func (m *mapping[In, Out]) width() int {
	if m.pool == nil || m.pool.e == nil {
		return 1
	}
	return m.pool.e.opts.Workers
}

// start pulls the inputs and calls the function on width goroutines. The items
// arrive on the channel that it returns, which is closed after the last.
func (m *mapping[In, Out]) start(inputs iter.Seq[In], width int) <-chan Item[In, Out] {
	todo := make(chan Item[In, Out])
	done := make(chan Item[In, Out])
	go func() {
		defer close(todo)
		m.pull(inputs, todo)
	}()
	ended := make(chan struct{})
	for range width {
		go func() {
			defer func() { ended <- struct{}{} }()
			for it := range todo {
				m.call(&it)
				done <- it
			}
		}()
	}
	go func() {
		defer close(done)
		for range width {
			<-ended
		}
	}()
	return done
}

// pull offers the inputs until they end or nobody wants any more.
func (m *mapping[In, Out]) pull(inputs iter.Seq[In], todo chan<- Item[In, Out]) {
	if !m.admit() {
		return
	}
	index := 0
	for in := range inputs {
		todo <- Item[In, Out]{Index: index, In: in} // what was pulled gets its item
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

func (m *mapping[In, Out]) call(it *Item[In, Out]) {
	c, err := m.f.prepare(m.ctx, m.pool, it.In)
	if err != nil {
		it.Err, it.Result = err, notStarted
		return
	}
	c.run()
	it.Out, it.Err = decodeOut[Out](c)
	it.Result = c.result
}
