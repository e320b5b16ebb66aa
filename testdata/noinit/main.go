// Command noinit makes the likeliest first mistakes: it builds a pool without
// calling Init, or calls Init where a worker never comes by.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/cutoff-run/cutoff"
)

var double = cutoff.Register("double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })

func main() {
	switch os.Args[1] {
	case "never":
	case "conditional": // the worker's arguments are not the program's
		cutoff.Init()
	case "worker":
		os.Setenv("CUTOFF_WORKER", "1") // as in a worker whose main went past Init
	}
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 1, StartTimeout: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	fmt.Println(double.Call(context.Background(), pool, 21))
}
