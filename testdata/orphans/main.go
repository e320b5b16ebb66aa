// Command orphans starts calls that never end, prints the processes that run
// them, and waits to be killed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/cutoff-run/cutoff"
)

var hang = cutoff.Register("hang", func(_ context.Context, how string) (int, error) {
	switch how {
	case "one processor": // nothing else in the worker ever runs again
		runtime.GOMAXPROCS(1)
		debug.SetGCPercent(-1)
		fmt.Println(os.Getpid())
	case "stopped":
		fmt.Println(os.Getpid())
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "descendant": // in a session of its own
		c := exec.Command("sleep", "1000")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			return 0, err
		}
		fmt.Println(os.Getpid())
		fmt.Println(c.Process.Pid)
	default:
		fmt.Println(os.Getpid())
	}
	for {
	}
})

func main() {
	cutoff.Init()
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 4})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, how := range []string{"spin", "one processor", "stopped", "descendant"} {
		if _, err := hang.Start(context.Background(), pool, how); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	select {}
}
