package cutoff

import "sync"

// intake holds the inputs of a Map that were pulled and that nobody works on
// yet. Several may be taken at once; of those, some may come back.
type intake[T any] struct {
	mu     sync.Mutex
	fed    sync.Cond // there is an input, or there may be no more
	eaten  sync.Cond // there may be room
	inputs []T
	room   int  // how many may wait here
	ended  bool // no more are pulled
	rows   int  // taken, and not known yet whether any of it comes back
}

func newIntake[T any]() *intake[T] {
	q := &intake[T]{room: 1}
	q.fed.L, q.eaten.L = &q.mu, &q.mu
	return q
}

// put adds an input and waits until one more has room.
func (q *intake[T]) put(in T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inputs = append(q.inputs, in)
	q.fed.Signal()
	for len(q.inputs) >= q.room {
		q.eaten.Wait()
	}
}

// end says that no more inputs are pulled.
func (q *intake[T]) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.fed.Broadcast()
}

// take appends to row what is there, at most size inputs, and waits until there
// is one. It appends nothing if there will be none. Whoever has taken must call
// giveBack.
func (q *intake[T]) take(row []T, size int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.inputs) == 0 && (!q.ended || q.rows > 0) {
		q.fed.Wait()
	}
	n := min(size, len(q.inputs))
	if n > 0 {
		q.rows++
	}
	row = append(row, q.inputs[:n]...)
	q.inputs = append(q.inputs[:0], q.inputs[n:]...)
	q.eaten.Signal()
	return row
}

// giveBack puts those inputs of a row first again that have not begun, if any.
func (q *intake[T]) giveBack(inputs []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rows--
	if len(inputs) > 0 {
		q.inputs = append(append([]T(nil), inputs...), q.inputs...)
	}
	if len(inputs) > 0 || q.ended {
		q.fed.Broadcast()
	}
}

// widen changes how many inputs may wait.
func (q *intake[T]) widen(by int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room += by
	q.eaten.Signal()
}
