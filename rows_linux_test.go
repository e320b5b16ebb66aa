package cutoff

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// noted writes its input down before it does what the input says.
var noted = Register("noted", func(_ context.Context, in [2]int) (int, error) {
	f, err := os.OpenFile(os.Getenv(notesVar), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, err
	}
	_, err = f.Write(binary.LittleEndian.AppendUint64(nil, uint64(in[0])))
	f.Close()
	switch in[1] {
	case hangs:
		return 0, spinForever()
	case fails:
		return 0, errRegistered
	case panics:
		panic("boom")
	case dies:
		os.Exit(3)
	case leaves:
		go func() { select {} }()
	case spawns:
		return in[0], exec.Command("sleep", "600").Start()
	case takesLong:
		time.Sleep(5 * time.Millisecond)
	case exits:
		runtime.Goexit()
	case closes:
		for fd := 3; fd < 20; fd++ {
			_ = syscall.Close(fd)
		}
	case isLarge:
		return len(make([]byte, 1<<20)), nil
	}
	return in[0], err
})

const notesVar = "TEST_NOTES"

const (
	hangs = iota + 1
	fails
	panics
	dies
	leaves
	spawns
	takesLong
	isLarge
	exits
	closes
)

// TestMapRows holds that calls in rows keep what single ones do: each runs once
// and has one outcome, its own, and what hangs or dies takes nobody with it.
func TestMapRows(t *testing.T) {
	const n = 4500
	notes := t.TempDir() + "/notes"
	if err := os.WriteFile(notes, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(notesVar, notes)
	p := newPool(t, PoolOptions{Workers: 3, Spares: 2, Limits: Limits{Timeout: ample}, Env: os.Environ()})
	how := map[int]int{}
	for i, h := range []int{hangs, fails, panics, dies, leaves, spawns, takesLong, isLarge, fails, hangs, hangs, dies, panics, exits, closes} {
		how[500+250*i], how[501+250*i] = h, h
	}
	want := map[int]Outcome{hangs: Timeout, fails: Failed, panics: Crashed, dies: Crashed, exits: Crashed, closes: Crashed}
	inputs := func(yield func([2]int) bool) {
		for i := range n {
			if !yield([2]int{i, how[i]}) {
				return
			}
		}
	}
	seen := make([]bool, n)
	for it := range noted.Map(ctx(t), p, inputs) {
		if it.In[0] != it.Index || seen[it.Index] {
			t.Fatalf("item %d (input %d) twice or out of place", it.Index, it.In[0])
		}
		seen[it.Index] = true
		outcome, bad := want[how[it.Index]]
		if !bad {
			outcome = OK
		}
		if it.Result.Outcome != outcome || (it.Err == nil) == bad {
			t.Errorf("item %d: %v, %+v", it.Index, it.Err, it.Result)
		}
		if h := how[it.Index]; (it.Result.Leaked > 0) != (h == leaves || h == spawns) {
			t.Errorf("item %d left %d behind", it.Index, it.Result.Leaked)
		}
		if outcome == Timeout && it.Result.Wall < ample {
			t.Errorf("item %d was cut off after %v", it.Index, it.Result.Wall)
		}
	}
	if slices.Contains(seen, false) {
		t.Errorf("an item is missing: %v", slices.Index(seen, false))
	}
	ran := make([]int, n)
	b, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(b) > 0; b = b[8:] {
		ran[binary.LittleEndian.Uint64(b)]++
	}
	for i, times := range ran {
		if times != 1 {
			t.Errorf("item %d ran %d times", i, times)
		}
	}
	if s := p.Stats(); s.Calls != n || s.Busy != 0 || s.CutOff != 6 || s.Crashed != 12 {
		t.Errorf("%+v", s)
	}
}

// TestMapRowsMaxCalls holds that a row gives no worker more calls than it may
// have.
func TestMapRowsMaxCalls(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2, MaxCalls: 50})
	calls := map[int]int{}
	for it := range double.Map(ctx(t), p, count(2000)) {
		calls[it.Result.PID]++
	}
	for pid, n := range calls {
		if n > 50 {
			t.Errorf("worker %d had %d calls", pid, n)
		}
	}
}

// TestMapFollows holds that a sequence of inputs may wait for the items before:
// no row waits to be full.
func TestMapFollows(t *testing.T) {
	p := newPool(t, PoolOptions{Workers: 2})
	next := make(chan int, 1)
	next <- 0
	inputs := func(yield func(int) bool) {
		for i := range next {
			if !yield(i) {
				return
			}
		}
	}
	for it := range double.Map(ctx(t), p, inputs) {
		if it.In == 500 {
			close(next)
		} else {
			next <- it.In + 1
		}
	}
}

// TestMapRowsCanceled ends a Map whose calls come in rows: by its context, by
// leaving the loop, and by killing the pool.
func TestMapRowsCanceled(t *testing.T) {
	for _, how := range []string{"cancel", "break", "kill"} {
		p := newPool(t, PoolOptions{Workers: 2})
		cctx, cancel := context.WithCancel(ctx(t))
		forever := func(yield func(int) bool) {
			for i := 0; yield(i); i++ {
			}
		}
		var killed sync.WaitGroup
		n := 0
	loop:
		for it := range double.Map(cctx, p, forever) {
			switch n++; {
			case n < 5000:
				if it.Err != nil {
					t.Fatalf("%s: %v", how, it.Err)
				}
			case how == "break":
				break loop
			case how == "cancel":
				cancel()
			case n == 5000:
				killed.Go(func() { p.Kill() })
			case errors.Is(it.Err, ErrPoolClosed):
				cancel()
			}
			if it.Err != nil && it.Result.Outcome != Canceled && it.Result.Outcome != NotStarted {
				t.Errorf("%s: %v, %+v", how, it.Err, it.Result)
			}
		}
		cancel()
		killed.Wait()
		if s := p.Stats(); s.Busy != 0 || s.Waiting != 0 || len(p.e.running) != 0 {
			t.Errorf("%s: %+v, %d running", how, s, len(p.e.running))
		}
	}
}

// TestIntake holds that what comes back is first, and that nobody leaves while
// some of it may.
func TestIntake(t *testing.T) {
	q := newIntake[int]()
	q.widen(9)
	for i := range 5 {
		q.put(i)
	}
	q.end()
	row := q.take(nil, 4)
	rest := q.take(nil, 4)
	if !slices.Equal(row, []int{0, 1, 2, 3}) || !slices.Equal(rest, []int{4}) {
		t.Fatal(row, rest)
	}
	q.giveBack(nil)
	later := make(chan []int)
	go func() { later <- q.take(nil, 2) }()
	for range 100 {
		runtime.Gosched()
	}
	q.giveBack(row[1:])
	if got := <-later; !slices.Equal(got, []int{1, 2}) {
		t.Error(got)
	}
	q.giveBack(nil)
	if got := q.take(nil, 9); !slices.Equal(got, []int{3}) {
		t.Error(got)
	}
	q.giveBack(nil)
	if got := q.take(nil, 9); len(got) != 0 {
		t.Error(got)
	}
}
