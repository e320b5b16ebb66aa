package codec

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// TestNumbers holds that numbers travel as the library writes them.
func TestNumbers(t *testing.T) {
	values := []int64{0, 1, 23, 24, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MinInt64}
	for range 10_000 {
		values = append(values, int64(rand.Uint64()>>rand.IntN(64)))
	}
	for _, n := range values {
		for _, n := range []int64{n, -n, ^n} {
			number(t, n)
			number(t, int(n))
			number(t, uint64(n))
		}
	}
}

func number[T int | int64 | uint64](t *testing.T, n T) {
	t.Helper()
	b, err := Encode(n)
	want, _ := enc.Marshal(n)
	if err != nil || !bytes.Equal(b, want) {
		t.Fatalf("%T %d: %x, %v; the library: %x", n, n, b, err, want)
	}
	var back T
	if err := Decode(b, &back); err != nil || back != n {
		t.Fatalf("%T %d came back as %d, %v", n, n, back, err)
	}
}

// TestNumbersOfOthers holds that any bytes mean what they mean to the library.
func TestNumbersOfOthers(t *testing.T) {
	for i := range 300_000 {
		b := make([]byte, rand.IntN(10))
		for j := range b {
			b[j] = byte(rand.Uint32())
		}
		if i < 1<<16 {
			b = []byte{byte(i >> 8), byte(i)}
		}
		others[int](t, b)
		others[int64](t, b)
		others[uint64](t, b)
	}
}

func others[T int | int64 | uint64](t *testing.T, b []byte) {
	t.Helper()
	got, want := T(7), T(7)
	gotErr, wantErr := Decode(b, &got), dec.Unmarshal(b, &want)
	if got != want || (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("%T of %x: %d, %v; the library: %d, %v", got, b, got, gotErr, want, wantErr)
	}
}
