package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

const secret = 0x5ec7e7

func encode(t testing.TB, frames ...Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	c := NewConn(nil, &b, secret)
	for _, f := range frames {
		if err := c.Write(f.Kind, f.Call, f.Payload); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func reader(b []byte) *Conn { return NewConn(bytes.NewReader(b), nil, secret) }

func TestRoundTrip(t *testing.T) {
	frames := []Frame{
		{KindHello, 0, []byte("hello")},
		{KindCall, 1, nil},
		{KindDone, math.MaxUint64, bytes.Repeat([]byte("x"), inline)},
		{KindDone, 7, bytes.Repeat([]byte("y"), inline+1)},
		{KindReport, 8, bytes.Repeat([]byte("z"), 3*trust+5)},
	}
	c := reader(encode(t, frames...))
	for _, want := range frames {
		got, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind != want.Kind || got.Call != want.Call || !bytes.Equal(got.Payload, want.Payload) {
			t.Fatalf("got kind %d call %d and %d bytes, want %d, %d, %d",
				got.Kind, got.Call, len(got.Payload), want.Kind, want.Call, len(want.Payload))
		}
	}
	if _, err := c.Read(); err != io.EOF {
		t.Fatalf("after the last frame: %v, want EOF", err)
	}
}

// TestPieces shows that a payload in pieces is one payload, whatever their sizes.
func TestPieces(t *testing.T) {
	small, big := []byte("small"), bytes.Repeat([]byte("b"), inline+1)
	for _, pieces := range [][][]byte{{small, big}, {big, small}, {small, big, small, nil}, {nil, small}} {
		var b bytes.Buffer
		if err := NewConn(nil, &b, secret).Write(KindDone, 3, pieces...); err != nil {
			t.Fatal(err)
		}
		f, err := reader(b.Bytes()).Read()
		if err != nil || !bytes.Equal(f.Payload, bytes.Join(pieces, nil)) {
			t.Errorf("%d pieces: %d bytes, %v", len(pieces), len(f.Payload), err)
		}
	}
}

// TestCut cuts a conversation at every byte, as a kill may: the frames before
// the cut arrive, and the torn one never does.
func TestCut(t *testing.T) {
	first := encode(t, Frame{KindStarted, 1, nil})
	b := append(bytes.Clone(first), encode(t, Frame{KindDone, 1, []byte("result")})...)
	for n := range len(b) {
		c, got := reader(b[:n]), 0
		for {
			if _, err := c.Read(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
			got++
		}
		want := 0
		if n >= len(first) {
			want = 1
		}
		if got != want {
			t.Errorf("cut at %d: %d frames, want %d", n, got, want)
		}
	}
}

// TestDamage flips every bit of a frame: the reader never accepts another frame.
func TestDamage(t *testing.T) {
	good := encode(t, Frame{KindDone, 5, []byte("payload")})
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if f, err := reader(b).Read(); err == nil {
			t.Fatalf("bit %d flipped: accepted as %+v", i, f)
		}
	}
	if _, err := NewConn(bytes.NewReader(good), nil, secret+1).Read(); err != ErrGarbled {
		t.Errorf("another worker's frame: %v, want ErrGarbled", err)
	}
}

// TestLyingLength shows that a header's word alone does not make the reader
// allot memory.
func TestLyingLength(t *testing.T) {
	b := encode(t, Frame{KindDone, 5, nil})
	for _, n := range []uint32{MaxPayload, math.MaxUint32} {
		binary.LittleEndian.PutUint32(b, n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := reader(b).Read(); err == nil {
			t.Fatal("accepted")
		}
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		if allocated > 2*trust {
			t.Errorf("length %d made the reader allot %d bytes", n, allocated)
		}
	}
}

func TestTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("allots 1 GiB of address space")
	}
	err := NewConn(nil, io.Discard, secret).Write(KindDone, 1, make([]byte, MaxPayload), []byte{1})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestMeter(t *testing.T) {
	want := Meter{Wall: time.Minute, User: time.Second, System: 7, MaxRSS: 1 << 40, Goroutines: 3}
	got, rest, err := CutMeter(append(want.Append(nil), "rest"...))
	if err != nil || got != want || string(rest) != "rest" {
		t.Errorf("got %+v, %q, %v", got, rest, err)
	}
	if _, _, err := CutMeter(make([]byte, meterSize-1)); err == nil {
		t.Error("a short meter was accepted")
	}
}

func TestCall(t *testing.T) {
	payload := append(CallHead("fn", time.Minute, 1<<30, true), "in"...)
	if !MayCancel(payload) || MayCancel(CallHead("fn", 0, 0, false)) {
		t.Error("MayCancel is wrong")
	}
	name, timeout, memory, in, err := CutCall(payload)
	if name != "fn" || timeout != time.Minute || memory != 1<<30 || string(in) != "in" || err != nil {
		t.Errorf("got %q, %v, %q, %v", name, timeout, in, err)
	}
	for _, b := range []string{"", "12345678", "123456780\x05fn"} {
		if _, _, _, _, err := CutCall([]byte(b)); err == nil {
			t.Errorf("%q was accepted", b)
		}
	}
}

func TestBeat(t *testing.T) {
	if p, err := Progress(Beat(0.25)); p != 0.25 || err != nil {
		t.Errorf("got %v, %v", p, err)
	}
	if _, err := Progress(nil); err == nil {
		t.Error("an empty beat was accepted")
	}
}

// FuzzRead feeds arbitrary bytes: every frame that comes out must be one that
// a Conn with the same secret would have written in just these bytes.
func FuzzRead(f *testing.F) {
	f.Add(encode(f, Frame{KindHello, 0, []byte("hi")}, Frame{KindDone, 9, nil}))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		c := NewConn(r, nil, secret)
		for {
			at := len(b) - r.Len()
			fr, err := c.Read()
			if err != nil {
				return
			}
			if !bytes.Equal(encode(t, fr), b[at:len(b)-r.Len()]) {
				t.Fatalf("accepted %x as %+v", b[at:], fr)
			}
			_, _, _ = CutMeter(fr.Payload)
			_, _, _, _, _ = CutCall(fr.Payload)
			_, _ = Progress(fr.Payload)
		}
	})
}
