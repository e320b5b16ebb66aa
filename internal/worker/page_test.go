//go:build linux

package worker

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/cutoff-run/cutoff/internal/wire"
	"golang.org/x/sys/unix"
)

// tally is memory that a test's workers count in: the file is named by
// tallyVar.
type tally struct {
	began atomic.Uint64 // runs of the function "tally"
}

const tallyVar = "TEST_TALLY"

func mapTally(name string) *tally {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Truncate(4096)
	}
	if err != nil {
		panic(err)
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*tally)(unsafe.Pointer(&mem[0]))
}

var ours *tally // a worker's

func init() {
	if name := os.Getenv(tallyVar); name != "" {
		ours = mapTally(name)
	}
	functions["tally"] = func(_ context.Context, in []byte) ([]byte, error) {
		ours.began.Add(1)
		for end := time.Now().Add(time.Duration(len(in)%20) * time.Microsecond); time.Now().Before(end); {
		}
		return in, nil
	}
	// scribble spoils the page while its call runs, as its input says, and does
	// not come back.
	functions["scribble"] = func(ctx context.Context, in []byte) ([]byte, error) {
		scribble(FromContext(ctx).server.page, string(in))
		select {}
	}
	// noisy spoils it for a while and returns.
	functions["noisy"] = func(ctx context.Context, in []byte) ([]byte, error) {
		p := FromContext(ctx).server.page
		r := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(in), 1))
		for range r.IntN(200) {
			binary.LittleEndian.PutUint64(p.mem[8*r.IntN(len(p.mem)/8):], r.Uint64())
		}
		if r.IntN(2) == 0 {
			p.word.Store(turn(p.number, r.Uint32N(phases)))
		}
		return in, nil
	}
	functions["beats"] = func(ctx context.Context, in []byte) ([]byte, error) {
		for i := range 100 {
			FromContext(ctx).Beat(float64(i))
		}
		return in, nil
	}
}

func scribble(p *page, how string) {
	switch how {
	case "word":
		p.word.Store(^uint32(0))
	case "done":
		p.word.Store(turn(p.number, done))
	case "long":
		copy(p.reply, bytes.Repeat([]byte{0xff}, 20))
		p.word.Store(turn(p.number, done))
	case "all":
		for i := range p.mem {
			p.mem[i] = 0xff
		}
	}
	wakePage(&p.word)
}

// TestScribble holds that nothing in the page hurts the pool. A function that
// comes to it only after its caller has left the page spoils nothing, and hangs.
func TestScribble(t *testing.T) {
	for _, how := range []string{"word", "done", "long", "all"} {
		w := start(t)
		end := w.Do(Call{Func: "scribble", In: []byte(how), Timeout: time.Second})
		if (end.Broken == nil) == (end.Limit == NoLimit) || !end.Gone || end.Reply != 0 || end.Started.IsZero() {
			t.Errorf("%s: %+v", how, end)
		}
	}
}

func TestNoise(t *testing.T) {
	for i := range uint64(100) {
		w := start(t)
		for call := range uint64(3) {
			in := binary.LittleEndian.AppendUint64(nil, 3*i+call)
			end := w.Do(Call{Func: "noisy", In: in, Timeout: 50 * time.Millisecond})
			if end.Reply == wire.KindDone && !bytes.Equal(end.Body, in) {
				t.Fatalf("%d: torn reply: %+v", i, end)
			}
			if end.Gone {
				break
			}
		}
	}
}

// TestStorm kills workers at random instants of their calls: each call has one
// whole answer or none, what was not started did not run, and a reply that was
// there before the kill arrives. CUTOFF_STORM sets the number of kills.
func TestStorm(t *testing.T) {
	kills := storm(t)
	name := t.TempDir() + "/tally"
	count := mapTally(name)
	var replies, none, unstarted, kept int
	in := make([]byte, 4*slotSize)
	for i := range in {
		in[i] = byte(i * i)
	}
	for i := range kills {
		c := config(tallyVar+"="+name, "GOMAXPROCS="+strconv.Itoa(1+i/2%2))
		c.Spin = time.Duration(i%2) * 20 * time.Microsecond
		w, err := Start(c)
		if err != nil {
			t.Fatal(err)
		}
		var calls atomic.Int32
		last, after := rand.Int32N(12), time.Duration(rand.IntN(150))*time.Microsecond
		go func() {
			for calls.Load() < last {
				runtime.Gosched()
			}
			for end := time.Now().Add(after); time.Now().Before(end); {
			}
			_ = unix.Kill(w.PID(), unix.SIGKILL)
		}()
		for call := 0; ; call++ {
			before, number := count.began.Load(), w.page.number
			input := in[:rand.IntN(200)]
			if call%5 == 4 {
				input = in[:rand.IntN(len(in))]
			}
			calls.Add(1)
			end := w.Do(Call{Func: "tally", In: input, Timeout: bound})
			ran := count.began.Load() - before
			switch {
			case end.Reply != 0 && (end.Reply != wire.KindDone || !bytes.Equal(end.Body, input) || ran != 1):
				t.Fatalf("kill %d, call %d: ran %d times: %+v", i, call, ran, end)
			case end.Reply == 0 && (!end.Gone || ran > 1 || end.Broken != nil):
				t.Fatalf("kill %d, call %d: ran %d times: %+v", i, call, ran, end)
			case end.Started.IsZero() && ran != 0:
				t.Fatalf("kill %d, call %d: it ran, and the record says that it did not", i, call)
			case end.Reply == 0 && w.page.number != number && w.page.word.Load() == turn(w.page.number, done):
				t.Fatalf("kill %d, call %d: a reply is lost", i, call)
			}
			replies += min(1, int(end.Reply))
			if end.Reply == 0 {
				none++
				if end.Started.IsZero() {
					unstarted++
				}
				break
			}
			if end.Gone {
				kept++
				break
			}
		}
		w.Close()
	}
	t.Logf("%d kills: %d replies, of which %d after the kill; %d calls without one, of which %d never started", kills, replies, kept, none, unstarted)
}

// storm is how many kills a storm has.
func storm(t *testing.T) int {
	v := os.Getenv("CUTOFF_STORM")
	if v == "" {
		return 100
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBeatsInTurn shows that a call which beats goes over the pipes as a whole:
// no beat is overtaken by the reply.
func TestBeatsInTurn(t *testing.T) {
	w := start(t)
	for range 20 {
		beats := 0
		end := w.Do(Call{Func: "beats", In: []byte("x"), Timeout: bound, Beat: func(float64) { beats++ }})
		if end.Reply != wire.KindDone || beats != 100 {
			t.Fatalf("%d beats of 100: %+v", beats, end)
		}
	}
}

// TestSizes holds the edge between the ways.
func TestSizes(t *testing.T) {
	w := start(t)
	for size := slotSize - 100; size < slotSize+100; size++ {
		in := []byte(strings.Repeat("x", size))
		if end := w.Do(Call{Func: "echo", In: in, Timeout: bound}); !bytes.Equal(end.Body, in) {
			t.Fatalf("%d bytes: %d came back", size, len(end.Body))
		}
	}
}

// TestLarge sends payloads that go through the areas, with the page and
// without it.
func TestLarge(t *testing.T) {
	w := start(t)
	for _, size := range []int{1 << 17, 1 << 20, 1<<20 + 2<<10, 5 << 20} {
		in := make([]byte, size)
		for i := range in {
			in[i] = byte(i * i >> 3)
		}
		for range 3 {
			if end := w.Do(Call{Func: "echo", In: in, Timeout: bound}); !bytes.Equal(end.Body, in) {
				t.Fatalf("%d bytes: %d came back", size, len(end.Body))
			}
			in[0]++
		}
	}
}

// TestNoPage shows that all goes on over the pipes where no page can be had.
func TestNoPage(t *testing.T) {
	w := start(t)
	page := w.page
	w.page = nil
	defer page.unmap()
	for range 3 {
		if end := w.Do(Call{Func: "echo", In: []byte("x"), Timeout: bound}); string(end.Body) != "x" {
			t.Errorf("got %+v", end)
		}
	}
}

// TestSealed shows that a worker cannot make the page's memory vanish under the
// pool.
func TestSealed(t *testing.T) {
	p, f, err := makePage()
	if err != nil {
		t.Fatal(err)
	}
	defer p.unmap()
	defer f.Close()
	if err := f.Truncate(0); err == nil {
		t.Error("the file can be made shorter")
	}
	if other := openPage(mustDup(t, f), 1); other != nil {
		t.Error("a page of somebody else was taken")
	}
}

func mustDup(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestDoAllocs holds how much memory a call costs the pool: the reply's.
func TestDoAllocs(t *testing.T) {
	w := start(t)
	in := make([]byte, 64)
	got := testing.AllocsPerRun(500, func() {
		if end := w.Do(Call{Func: "echo", In: in, Timeout: bound}); end.Reply == 0 {
			t.Fatalf("%+v", end)
		}
	})
	if got >= 2 {
		t.Errorf("%v allocations", got)
	}
}
