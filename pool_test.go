package cutoff

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

var tDouble = Register("test.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
var tHang = Register("test.hang", func(_ context.Context, _ int) (int, error) {
	for {
	}
})

func TestSmoke(t *testing.T) {
	p, err := NewPool(PoolOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i := range 10 {
		n, err := tDouble.Call(context.Background(), p, i)
		if n != 2*i || err != nil {
			t.Fatal(n, err)
		}
	}
	_, err = tHang.Call(context.Background(), p.With(Limits{Timeout: 50 * time.Millisecond}), 1)
	var ce *CutoffError
	if !errors.As(err, &ce) {
		t.Fatal(err)
	}
	fmt.Printf("%v %+v\n", err, ce.Result)
	fmt.Printf("%+v\n", p.Stats())
}
func BenchmarkCall(b *testing.B) {
	p, err := NewPool(PoolOptions{Workers: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for i := 0; i < b.N; i++ {
		tDouble.Call(context.Background(), p, i)
	}
}
