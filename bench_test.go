//go:build linux

package cutoff

import (
	"testing"
	"time"
)

func BenchmarkCallWarm(b *testing.B) {
	p, err := NewPool(PoolOptions{Workers: 1, Limits: Limits{Timeout: bound}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Kill() })
	in := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := length.Call(b.Context(), p, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallWarmSpin(b *testing.B) {
	p, err := NewPool(PoolOptions{Workers: 1, Spin: 20 * time.Microsecond, Limits: Limits{Timeout: bound}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Kill() })
	in := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := length.Call(b.Context(), p, in); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCallAllocs holds how much memory a warm call costs the program.
func TestCallAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the detector makes sync.Pool forget")
	}
	p := newPool(t, PoolOptions{Workers: 1, Limits: Limits{Timeout: bound}})
	in := make([]byte, 64)
	got := testing.AllocsPerRun(500, func() {
		if _, err := length.Call(t.Context(), p, in); err != nil {
			t.Fatal(err)
		}
	})
	if got > 3 {
		t.Errorf("%v allocations a call", got)
	}
}

func BenchmarkCallPayload(b *testing.B) {
	p, err := NewPool(PoolOptions{Workers: 1, Limits: Limits{Timeout: bound}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Kill() })
	for _, size := range []int{64, 4 << 10, 60 << 10, 1 << 20, 64 << 20} {
		b.Run(bytesText(int64(size)), func(b *testing.B) {
			in := make([]byte, size)
			b.SetBytes(int64(2 * size)) // there and back
			for b.Loop() {
				if _, err := echo.Call(b.Context(), p, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMapTiny(b *testing.B) {
	p, err := NewPool(PoolOptions{Workers: 2, Limits: Limits{Timeout: bound}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Kill() })
	in := make([]byte, 8)
	b.ReportAllocs()
	inputs := func(yield func([]byte) bool) {
		for b.Loop() {
			if !yield(in) {
				return
			}
		}
	}
	for it := range length.Map(b.Context(), p, inputs) {
		if it.Err != nil {
			b.Fatal(it.Err)
		}
	}
}
