package codec

import (
	"bytes"
	"math"
	"math/big"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

type inner struct {
	Name string
	Next *inner
}

type outer struct {
	I    int64
	U    uint64
	F    float64
	S    string
	B    []byte
	T    time.Time
	D    time.Duration
	M    map[string]int
	K    map[int]string
	L    []inner
	P    *inner
	Any  any
	Big  *big.Int
	Arr  [3]int
	Nil  []int
	Zero struct{}
	inner
}

func roundTrip[T any](t *testing.T, in T) {
	t.Helper()
	b, err := Encode(in)
	if err != nil {
		t.Fatalf("Encode(%T): %v", in, err)
	}
	var out T
	if err := Decode(b, &out); err != nil {
		t.Fatalf("Decode(%T): %v", in, err)
	}
	if !reflect.DeepEqual(in, out) {
		t.Errorf("%T came back changed:\n in %#v\nout %#v", in, in, out)
	}
}

func TestRoundTrip(t *testing.T) {
	roundTrip(t, 7)
	roundTrip(t, 5.01)
	roundTrip(t, math.Inf(1))
	roundTrip(t, "a \xff b")
	roundTrip(t, []byte{0, 255})
	roundTrip(t, []string{"a", "\xfe"})
	roundTrip(t, struct{}{})
	roundTrip(t, true)
	roundTrip(t, map[string]any{"x": []any{"y", uint64(3)}})
	roundTrip(t, (*int)(nil))
	roundTrip(t, outer{
		I: math.MinInt64, U: math.MaxUint64, F: -0.5, S: "π", B: []byte("b"),
		T: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), D: 5010 * time.Millisecond,
		M: map[string]int{"a": 1}, K: map[int]string{-1: "x"}, L: []inner{{Name: "l"}},
		P: &inner{"p", &inner{Name: "q"}}, Any: "any", Big: big.NewInt(-5), Arr: [3]int{1, 2, 3},
	})
}

func TestLarge(t *testing.T) {
	in := bytes.Repeat([]byte{1, 2, 3, 4}, 16<<20)
	b, err := Encode(in)
	if err != nil || &b[0] != &in[0] {
		t.Fatalf("Encode copied 64 MiB or failed: %v", err)
	}
	roundTrip(t, make([]int, 200_000)) // beyond the decoder's default bound
}

func TestCannotEncode(t *testing.T) {
	for _, v := range []any{make(chan int), func() {}, struct{ C chan int }{make(chan int)}, complex(1, 2)} {
		if b, err := Encode(v); err == nil {
			t.Errorf("Encode(%T) = %x, want an error", v, b)
		}
	}
}

func TestDecodeGarbage(t *testing.T) {
	for _, b := range [][]byte{nil, {0xff}, {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, bytes.Repeat([]byte{0x81}, 1<<16)} {
		var out []any
		if err := Decode(b, &out); err == nil {
			t.Errorf("Decode(%.20x) succeeded", b)
		}
	}
}
