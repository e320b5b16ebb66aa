//go:build unix

package worker

import "testing"

func BenchmarkDo(b *testing.B) {
	w, err := Start(config())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.Close)
	in := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if end := w.Do(Call{Func: "echo", In: in, Timeout: bound}); end.Reply == 0 {
			b.Fatalf("%+v", end)
		}
	}
}
