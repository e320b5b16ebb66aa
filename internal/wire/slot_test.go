package wire

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// shared returns the two ends of a conversation over memory.
func shared(area int) (a, b *Conn) {
	out, back := make(Area, area), make(Area, area)
	a, b = NewConn(nil, nil, 1), NewConn(nil, nil, 1)
	a.Share(out, back)
	b.Share(back, out)
	return a, b
}

func TestSlot(t *testing.T) {
	slot := make([]byte, 1000)
	a, b := shared(200_000)
	for _, c := range []struct {
		size int
		fits bool
	}{
		{0, true}, {1, true}, {1000 - headSize, true}, {1001 - headSize, false}, {inline, false},
		{inline + 1, true}, {200_000, true}, {200_001, false},
	} {
		in := bytes.Repeat([]byte{7}, c.size)
		taken := a.Put(slot, KindCall, 5, in[:c.size/2], in[c.size/2:])
		if taken != 0 != c.fits || taken > len(slot) {
			t.Fatalf("%d bytes take %d", c.size, taken)
		}
		if !c.fits {
			continue
		}
		f, size, err := b.Take(slot)
		if err != nil || size != taken || f.Kind != KindCall || f.Call != 5 || !bytes.Equal(f.Payload, in) {
			t.Errorf("%d bytes: got %d of kind %d, %v", c.size, len(f.Payload), f.Kind, err)
		}
	}
	if a.Put(slot, KindReport, 5, make([]byte, 2*inline)) != 0 {
		t.Error("a report was laid into the area, where the reply may come next")
	}
}

// TestTakeGarbage holds that no slot's content breaks the reader, and that a
// frame in which a byte was changed is none.
func TestTakeGarbage(t *testing.T) {
	a, b := shared(1 << 17)
	slot := make([]byte, 200)
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		for i := range slot {
			slot[i] = byte(r.Uint32())
		}
		slot[3], slot[4], slot[5] = 0, byte(r.IntN(int(kindEnd))), byte(r.IntN(2))
		if _, _, err := b.Take(slot); err == nil {
			t.Fatalf("taken for a frame: %x", slot[:headSize])
		}
	}
	for _, size := range []int{50, 1 << 17} {
		for i := range headSize {
			if a.Put(slot, KindCall, 5, make([]byte, size)) == 0 {
				t.Fatal("it does not fit")
			}
			slot[i] ^= 1
			if f, _, err := b.Take(slot); err == nil {
				t.Errorf("byte %d changed: taken for %v", i, f.Kind)
			}
		}
	}
}

// TestSlotRow lays frames one behind the other until there is no room for more.
func TestSlotRow(t *testing.T) {
	slot := make([]byte, 1000)
	a, b := shared(0)
	var laid, end int
	for ; ; laid++ {
		n := a.Put(slot[end:], KindCall, uint64(laid), bytes.Repeat([]byte{byte(laid)}, laid))
		if n == 0 {
			break
		}
		end += n
	}
	at := 0
	for i := range laid {
		f, n, err := b.Take(slot[at:])
		if err != nil || f.Call != uint64(i) || len(f.Payload) != i {
			t.Fatalf("frame %d: %+v, %v", i, f, err)
		}
		at += n
	}
	if at != end || laid < 20 {
		t.Errorf("%d frames in %d bytes of %d", laid, at, end)
	}
	for at := len(slot) - headSize - 1; at <= len(slot); at++ {
		if n := a.Put(slot[at:], KindCall, 1, []byte{1, 2}); n != 0 {
			t.Errorf("%d bytes had room for a frame", len(slot)-at)
		}
		if _, _, err := b.Take(slot[at:]); err == nil {
			t.Errorf("%d bytes were taken for a frame", len(slot)-at)
		}
	}
}
