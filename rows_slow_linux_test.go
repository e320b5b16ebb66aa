package cutoff

import (
	"context"
	"testing"
	"time"
)

// dawdles takes 1 ms and more for what is in the middle of a row, and hangs for
// negative numbers.
var dawdles = Register("dawdles", func(_ context.Context, n int) (int, error) {
	switch {
	case n < 0:
		return 0, spinForever()
	case n%100 == 99:
		time.Sleep(3 * time.Millisecond)
	}
	return n, nil
})

// TestMapRowsSlowBody holds that a call which goes on behind its row is looked
// after while nobody takes the items of those before it: its limit is kept, its
// worker comes free, and the pool can be killed.
func TestMapRowsSlowBody(t *testing.T) {
	const hung, n = 1500, 3000
	inputs := func(yield func(int) bool) {
		for i := range n {
			in := 100 * i // quick
			if i == hung {
				in = -1
			}
			if !yield(in) {
				return
			}
		}
	}
	p := newPool(t, PoolOptions{Workers: 1, Spares: 1, Limits: Limits{Timeout: 100 * time.Millisecond}})
	for it := range dawdles.Map(ctx(t), p, inputs) {
		if it.Index > hung-1000 && it.Index < hung && it.Index%100 == 0 {
			time.Sleep(200 * time.Millisecond)
		}
		if r := it.Result; (r.Outcome == Timeout) != (it.In < 0) || r.Overshoot > 150*time.Millisecond {
			t.Fatalf("item %d: %v, %+v", it.Index, it.Err, r)
		}
	}

	p = newPool(t, PoolOptions{Workers: 1})
	endsSoon(t, "calls in the loop's body", func() {
		for it := range dawdles.Map(ctx(t), p, count(n)) {
			if _, err := double.Call(ctx(t), p, it.In); err != nil {
				t.Fatal(err)
			}
		}
	})
	endsSoon(t, "Kill in the loop's body", func() {
		for it := range dawdles.Map(ctx(t), p, count(n)) {
			if it.Index == n/2 {
				time.Sleep(20 * time.Millisecond)
				p.Kill()
			}
		}
	})
}

func endsSoon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	if !join(done, 30*time.Second) {
		panic(what + ": it never ends") // the pool cannot be closed either
	}
}
