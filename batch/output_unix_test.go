//go:build unix

package batch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cutoff-run/cutoff"
)

// newSpool fails the test if the spool fails.
func newSpool(t *testing.T) *spool {
	t.Helper()
	s := &spool{failed: func(err error) { t.Error(err) }}
	t.Cleanup(s.close)
	return s
}

// TestStream writes pieces of all sizes and gets them back, in chunks that
// overlap nowhere and whose space is used again.
func TestStream(t *testing.T) {
	sp := newSpool(t)
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 20 {
		a, b := &stream{spool: sp}, &stream{spool: sp}
		var wantA, wantB bytes.Buffer
		for wantA.Len() < 10*chunkSize {
			p := bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(2*chunkSize))
			wantA.Write(p)
			wantB.Write(p[:len(p)/3])
			for s, part := range map[*stream][]byte{a: p, b: p[:len(p)/3]} {
				if n, err := s.Write(part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
				if len(s.tail) >= chunkSize {
					t.Fatalf("%d bytes in memory", len(s.tail))
				}
			}
		}
		for s, want := range map[*stream]*bytes.Buffer{a: &wantA, b: &wantB} {
			var got bytes.Buffer
			if err := s.drain(&got); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Fatalf("round %d: got %d bytes, %v; want %d, equal", round, got.Len(), err, want.Len())
			}
		}
	}
	if most := int64(20 * chunkSize); sp.end > most {
		t.Errorf("the file has grown to %d bytes though space was given back, want at most %d", sp.end, most)
	}
}

// TestPrinterBudget lets more wait than may be held in memory.
func TestPrinterBudget(t *testing.T) {
	sp := newSpool(t)
	var out bytes.Buffer
	p := newPrinter(Options{Stdout: &out, KeepOrder: true})
	line := strings.Repeat("x", 100<<10) + "\n"
	output := func() *captured {
		c := &captured{stdout: stream{spool: sp}, stderr: stream{spool: sp}}
		if _, err := c.stdout.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	const n = 1000
	for seq := int64(n); seq > 0; seq-- {
		if err := p.finish(seq, output()); err != nil {
			t.Fatal(err)
		}
		if p.held > orderMemory {
			t.Fatalf("%d bytes are held in memory", p.held)
		}
	}
	if p.held != 0 || len(p.waiting) != 0 || out.Len() != n*len(line) {
		t.Errorf("held %d, %d waiting, %d bytes printed", p.held, len(p.waiting), out.Len())
	}
}

// TestNoPlaceForOutput ends the batch instead of losing output, also when the
// loop takes the last end before it hears of the failure.
func TestNoPlaceForOutput(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			tasks := func(yield func(Task, error) bool) { _ = yield(Task{ID: "1"}, nil) && yield(Task{ID: "2"}, nil) }
			_, err := Run(t.Context(), chatty{}, tasks, Options{Slots: 2, Stdout: io.Discard, OnEvent: func(Event) {
				synctest.Wait() // what started before has ended and waits to be taken
			}})
			if !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("error %v", err)
			}
		})
	}
}

// chatty is a runner of tasks that write more than is held in memory.
type chatty struct{}

func (chatty) Run(_ context.Context, a Attempt) (cutoff.Result, error) {
	_, err := a.Stdout.Write(make([]byte, 3*chunkSize))
	return cutoff.Result{Outcome: cutoff.OK}, err
}

func TestSpoolLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	sp := newSpool(t)
	sp.store([]byte("x"))
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v: the file must have no name while it is used", entries, err)
	}
}
