package cutoff

import "sync"

// A lane is one of the goroutines of a Map that make calls: one call at a time,
// or one row of them.
type lane[In, Out any] struct {
	*mapping[In, Out]
	done chan<- []Item[In, Out]
	size int // how many calls to take at once

	row    row
	inputs []input[In]
	calls  []*invocation
	// Two, since the receiver uses the items of one until it takes the other.
	items  [2][]Item[In, Out]
	filled int            // which one was sent last
	aside  sync.WaitGroup // what is sent while a call of its row goes on
}

// serve carries inputs to their end until there are none left.
func (l *lane[In, Out]) serve() {
	for {
		l.inputs = l.todo.take(l.inputs[:0], l.size)
		switch {
		case len(l.inputs) == 0:
			return
		case len(l.inputs) == 1 || !l.enter():
			l.callOne()
		default:
			l.callRow()
		}
	}
}

// callOne makes a call of the first input.
func (l *lane[In, Out]) callOne() {
	l.todo.giveBack(l.inputs[1:])
	it := l.call(l.inputs[0])
	if r := it.Result; l.rows && r.Wall < rowTime/8 && (r.Outcome == OK || r.Outcome == Failed) {
		l.resize(max(2, l.size))
	} else {
		l.resize(1)
	}
	l.send(append(l.next(), it))
}

func (l *lane[In, Out]) call(in input[In]) Item[In, Out] {
	it := Item[In, Out]{Index: in.index, In: in.in}
	c, err := l.f.prepare(l.ctx, l.pool, it.In)
	if err != nil {
		it.Err, it.Result = err, notStarted
		return it
	}
	c.run()
	it.take(c)
	return it
}

// enter makes calls of the inputs. It reports false if one of them cannot be
// made: what is wrong with it shows when it is made alone.
func (l *lane[In, Out]) enter() bool {
	l.calls = l.calls[:0]
	for _, in := range l.inputs {
		c, err := l.f.build(l.ctx, l.pool, in.in)
		if err != nil {
			l.resize(1)
			return false
		}
		l.calls = append(l.calls, c)
	}
	return l.pool.e.enter(l.calls...) == nil
}

// callRow makes the calls of a row. The inputs of those that do not begin go to
// whoever comes first, and the items of those that have ended do not wait for
// the one that goes on.
func (l *lane[In, Out]) callRow() {
	sent, begun := 0, 0
	ended := l.row.run(l.calls, func(n, b int) {
		sent, begun = n, b
		l.withdraw(b)
		l.todo.giveBack(l.inputs[b:])
		calls := l.calls[:n]
		if b == n {
			l.sendEnded(l.inputs, calls)
			return
		}
		// The receiver may take as long as it likes, and the one that goes on must
		// not wait for it.
		l.aside.Go(func() { l.sendEnded(l.inputs, calls) })
	})
	last := l.calls[sent:ended]
	if ended < begun { // its worker died before it could take it up
		l.withdraw(ended)
	}
	l.aside.Wait() // the pool knows of none of these calls any more
	l.sendEnded(l.inputs[sent:], last)
	if ended < begun {
		l.send(append(l.next(), l.call(l.inputs[ended])))
	}
	switch took := l.row.took; {
	case sent < len(l.inputs):
		l.resize(max(1, l.size/4))
	case took > rowTime:
		l.resize(l.size / 2)
	case took < rowTime/2 && len(l.inputs) == l.size:
		l.resize(min(2*l.size, rowMax))
	}
}

// withdraw takes back the calls of the row from one on.
func (l *lane[In, Out]) withdraw(from int) {
	l.pool.e.withdraw(l.calls[from:])
	for _, c := range l.calls[from:] {
		c.recycle()
	}
	l.calls = l.calls[:from]
}

// sendEnded sends the items of calls that have ended, given with their inputs.
func (l *lane[In, Out]) sendEnded(inputs []input[In], calls []*invocation) {
	if len(calls) == 0 {
		return
	}
	items := l.next()
	for i, c := range calls {
		it := Item[In, Out]{Index: inputs[i].index, In: inputs[i].in}
		it.take(c)
		items = append(items, it)
	}
	l.send(items)
}

// next is the memory for the items that are to be sent next.
func (l *lane[In, Out]) next() []Item[In, Out] {
	l.filled = 1 - l.filled
	return l.items[l.filled][:0]
}

func (l *lane[In, Out]) send(items []Item[In, Out]) {
	l.items[l.filled] = items
	l.done <- items
}

// resize changes how many inputs to take at once. So many may be pulled ahead.
func (l *lane[In, Out]) resize(size int) {
	if size != l.size {
		l.todo.widen(size - l.size)
		l.size = size
	}
}

// take completes the item with what became of its call.
func (it *Item[In, Out]) take(c *invocation) {
	it.Out, it.Err = decodeOut[Out](c)
	it.Result = c.result
	c.recycle()
}
