// Command cgo calls native code that no goroutine could be stopped in, and
// native code that dies.
package main

/*
#include <stdlib.h>
#include <unistd.h>
static int loop(volatile int n) { while (n) n = 1; return n; }
static int segv(void) { return *(volatile int *)8; }
static int wait(void) { int fd[2]; char c; return pipe(fd) + read(fd[0], &c, 1); }
static void die(void) { abort(); }
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/proc"
)

var native = cutoff.Register("native", func(_ context.Context, what string) (string, error) {
	switch what {
	case "loop":
		C.loop(1)
	case "wait":
		C.wait()
	case "loop beside a loop": // the world cannot be stopped where preemption is off
		go loop()
		C.loop(1)
	case "segv":
		C.segv()
	case "abort":
		C.die()
	}
	return "survived " + what, nil
})

func loop() {
	for {
	}
}

func main() {
	cutoff.Init()
	proc.Patience = 50 // what is tested is not how fast it is
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 1, Limits: cutoff.Limits{Timeout: 500 * time.Millisecond}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer pool.Close()
	for _, what := range []string{"loop", "wait", "loop beside a loop", "segv", "abort", "nothing"} {
		out, err := native.Call(context.Background(), pool, what)
		var cut *cutoff.CutoffError
		var crash *cutoff.CrashError
		switch {
		case errors.As(err, &cut):
			fmt.Println(what, cut.Result.Outcome, cut.Result.StuckIn())
		case errors.As(err, &crash):
			fmt.Println(what, crash.Result.Outcome, crash.Reason)
		default:
			fmt.Println(what, out, err)
		}
	}
}
