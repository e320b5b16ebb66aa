package cutoff

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// sometimes hangs for negative numbers, fails for 13, and squares the others.
var sometimes = Register("sometimes", func(_ context.Context, n int) (int, error) {
	switch {
	case n < 0:
		return 0, spinForever()
	case n == 13:
		return 0, errRegistered
	}
	return n * n, nil
})

func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestMap(t *testing.T) {
	const n = 500
	p := newPool(t, PoolOptions{Workers: 3, Limits: Limits{Timeout: bound}})
	seen := make([]bool, n)
	for it := range sometimes.Map(ctx(t), p, count(n)) {
		if it.In != it.Index || seen[it.Index] {
			t.Fatalf("item %d (input %d) twice or out of place", it.Index, it.In)
		}
		seen[it.Index] = true
		if it.Index == 13 {
			if !errors.Is(it.Err, errRegistered) || it.Result.Outcome != Failed {
				t.Errorf("item 13: %v, %+v", it.Err, it.Result)
			}
		} else if it.Out != it.In*it.In || it.Err != nil || it.Result.Outcome != OK {
			t.Errorf("item %d: %d, %v, %+v", it.Index, it.Out, it.Err, it.Result)
		}
	}
	if slices.Contains(seen, false) {
		t.Errorf("an item is missing: %v", slices.Index(seen, false))
	}
}

// TestMapHopeless shows that items which hang cost themselves only.
func TestMapHopeless(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2, Spares: 1, Limits: Limits{Timeout: ample}})
	var cut, ok int
	for it := range sometimes.Map(ctx(t), p, slices.Values([]int{1, -1, 2, -2, 3, 4, 5, -3, 6})) {
		switch {
		case it.In < 0 && errors.Is(it.Err, ErrTimeout):
			cut++
		case it.In > 0 && it.Err == nil:
			ok++
		default:
			t.Errorf("%+v", it)
		}
	}
	if cut != 3 || ok != 6 {
		t.Errorf("%d cut off, %d ok", cut, ok)
	}
}

func TestMapOrdered(t *testing.T) {
	const n = 300
	p := newPool(t, PoolOptions{Workers: 3, Limits: Limits{Timeout: ample}})
	inputs := slices.Collect(count(n))
	inputs[5], inputs[50] = -1, -1
	next := 0
	for it := range sometimes.MapOrdered(ctx(t), p, slices.Values(inputs)) {
		if it.Index != next || it.In != inputs[next] {
			t.Fatalf("got item %d, want %d", it.Index, next)
		}
		if hung := it.In < 0; hung != errors.Is(it.Err, ErrTimeout) {
			t.Errorf("item %d: %v", it.Index, it.Err)
		}
		next++
	}
	if next != n {
		t.Errorf("got %d items", next)
	}
}

// nap takes a while and doubles.
var nap = Register("nap", func(_ context.Context, n int) (int, error) {
	time.Sleep(time.Millisecond)
	return 2 * n, nil
})

// TestMapIsLazy shows that no more inputs are pulled than are about to run,
// or, in order, to wait for their turn.
func TestMapIsLazy(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2})
	for _, c := range []struct {
		name  string
		run   func(iter.Seq[int]) iter.Seq[Item[int, int]]
		bound int64
	}{
		{"Map", func(s iter.Seq[int]) iter.Seq[Item[int, int]] { return nap.Map(ctx(t), p, s) }, 2 + 2 + 1},
		{"Map in rows", func(s iter.Seq[int]) iter.Seq[Item[int, int]] { return double.Map(ctx(t), p, s) }, 3 * 2 * rowMax},
		{"MapOrdered", func(s iter.Seq[int]) iter.Seq[Item[int, int]] { return nap.MapOrdered(ctx(t), p, s) }, 2*ahead + 1},
		{"MapOrdered in rows", func(s iter.Seq[int]) iter.Seq[Item[int, int]] { return double.MapOrdered(ctx(t), p, s) }, 2*ahead + 1},
	} {
		var pulled, yielded atomic.Int64
		forever := func(yield func(int) bool) {
			for i := 0; ; i++ {
				if n := pulled.Add(1) - yielded.Load(); n > c.bound+1 {
					t.Errorf("%s: %d inputs pulled beyond what was yielded", c.name, n)
				}
				if !yield(i) {
					return
				}
			}
		}
		for range c.run(forever) {
			if yielded.Add(1) == 300 {
				break
			}
		}
	}
}

// TestMapBreak shows that leaving the loop ends what runs, also what hangs.
func TestMapBreak(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2})
	for it := range sometimes.Map(ctx(t), p, slices.Values([]int{-1, 3, 4})) {
		if it.In == 4 {
			break
		}
	}
	if s := p.Stats(); s.Busy != 0 || s.Waiting != 0 {
		t.Errorf("after the loop: %+v", s)
	}
	if n, err := double.Call(ctx(t), p, 1); n != 2 || err != nil {
		t.Errorf("the pool afterwards: %d, %v", n, err)
	}
}

func TestMapCanceled(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2})
	cctx, cancel := context.WithCancel(ctx(t))
	var canceled int
	for it := range sometimes.Map(cctx, p, slices.Values([]int{-1, 2, -1})) {
		if it.In == 2 {
			cancel()
		}
		if errors.Is(it.Err, context.Canceled) && it.Result.Outcome != OK {
			canceled++
		}
	}
	cancel()
	if canceled == 0 {
		t.Error("the call that hung was not canceled")
	}
}

func TestMapMistakes(t *testing.T) {
	n := 0
	for it := range double.Map(ctx(t), nil, count(3)) {
		if it.Err == nil || it.Result.Outcome != NotStarted {
			t.Errorf("%+v", it)
		}
		n++
	}
	if n != 3 {
		t.Errorf("got %d items from a nil pool", n)
	}
	p := newPool(t, PoolOptions{Workers: 1})
	p.Close()
	for it := range double.MapOrdered(ctx(t), p, count(3)) {
		if !errors.Is(it.Err, ErrPoolClosed) {
			t.Errorf("%+v", it)
		}
	}
}
