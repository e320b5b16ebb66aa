package cutoff

import "testing"

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
