//go:build unix

package cutoff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostile does to its worker what its input says.
var hostile = Register("hostile", func(ctx context.Context, deed string) (string, error) {
	do, ok := deeds[deed]
	if !ok {
		return "", fmt.Errorf("no deed %q", deed)
	}
	do()
	return "survived " + deed, nil
})

var deeds = map[string]func(){
	"panic":          func() { panic("boom") },
	"panic nil map":  func() { var m map[int]int; m[1] = 1 },
	"panic of error": func() { panic(errors.New("an error")) },
	"panic of liar":  func() { panic(liar{}) },
	"goexit":         runtime.Goexit,
	"exit 0":         func() { os.Exit(0) },
	"exit 7":         func() { os.Exit(7) },
	"sigsegv":        func() { raise(syscall.SIGSEGV) },
	"sigkill":        func() { raise(syscall.SIGKILL) },
	"sigterm":        func() { raise(syscall.SIGTERM) },
	"map write":      concurrentMapWrite,
	"stack overflow": func() { debug.SetMaxStack(1 << 20); overflow(0) },
	"out of memory":  outOfMemory,
	"deadly goroutine": func() {
		go panic("not recovered by anybody")
		select {}
	},
	"garbage":       garbage,
	"close all":     closeAll,
	"close stdout":  func() { os.Stdout.Close(); syscall.Close(1); fmt.Println("into the void") },
	"goroutines":    func() { go func() { select {} }() },
	"short-lived":   func() { go func() { runtime.Gosched() }() },
	"child":         func() { startSleeper() },
	"lock":          func() { runtime.LockOSThread() },
	"unset env":     os.Clearenv,
	"signals":       func() { signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP); raise(syscall.SIGTERM) },
	"stop":          func() { raise(syscall.SIGSTOP); select {} },
	"gomaxprocs":    func() { runtime.GOMAXPROCS(1); debug.SetGCPercent(-1); _ = spinForever() },
	"hold the pipe": func() { startSleeper(); os.Exit(3) },
}

type liar struct{}

func (liar) Error() string { panic("no text either") }

func raise(sig syscall.Signal) {
	_ = syscall.Kill(os.Getpid(), sig)
	<-time.After(bound)
}

func concurrentMapWrite() {
	runtime.GOMAXPROCS(8) // on one processor they would not meet
	m := map[int]int{}
	for range 8 {
		go func() {
			for i := 0; ; i++ {
				m[i%10] = i
			}
		}()
	}
	select {}
}

func overflow(n int) int { return overflow(n+1) + 1 }

// outOfMemory asks for more than the address space that it leaves itself.
func outOfMemory() {
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 64 << 20, Max: 64 << 20})
	var all [][]byte
	for {
		all = append(all, make([]byte, 1<<20))
	}
}

// garbage writes to every descriptor beyond the standard streams.
func garbage() {
	for fd := 3; fd < 64; fd++ {
		_, _ = syscall.Write(fd, []byte(strings.Repeat("garbage ", 100)))
	}
	select {}
}

func closeAll() {
	for fd := range 1024 {
		_ = syscall.Close(fd)
	}
}

// startSleeper leaves a process behind in a session of its own.
func startSleeper() {
	c := exec.Command("sleep", "1000")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		panic(err)
	}
}

// fateOf is what a row of TestHostile says of its worker. A goroutine that is
// about to end may or may not be gone when its call is.
type fateOf int

const (
	kept fateOf = iota
	replaced
	either
)

// TestHostile holds each deed's documented outcome, and that the pool serves
// the next call.
func TestHostile(t *testing.T) {
	const exits = -2 // the exit code does not matter
	for _, c := range []struct {
		deed   string
		want   Outcome
		code   int
		signal string
		reason string // in a CrashError's text
		stack  string // in the result's stack
		then   fateOf // what becomes of the worker
	}{
		{"panic", Crashed, -1, "", "panic: boom", "hostile_test.go", replaced},
		{"panic nil map", Crashed, -1, "", "assignment to entry in nil map", "hostile_test.go", replaced},
		{"panic of error", Crashed, -1, "", "panic: an error", "hostile_test.go", replaced},
		{"panic of liar", Crashed, -1, "", "no text either", "hostile_test.go", replaced},
		{"goexit", Crashed, -1, "", "runtime.Goexit", "", replaced},
		{"exit 0", Crashed, 0, "", "exit status 0", "", replaced},
		{"exit 7", Crashed, 7, "", "exit status 7", "", replaced},
		{"sigsegv", Crashed, 2, "", "SIGSEGV", "", replaced},
		{"sigkill", Crashed, -1, "SIGKILL", "SIGKILL", "", replaced},
		{"sigterm", Crashed, -1, "SIGTERM", "SIGTERM", "", replaced},
		{"map write", Crashed, 2, "", "concurrent map", "concurrentMapWrite", replaced},
		{"stack overflow", Crashed, 2, "", "stack overflow", "overflow", replaced},
		{"out of memory", Crashed, 2, "", "memory", "", replaced},
		{"deadly goroutine", Crashed, 2, "", "not recovered", "goroutine", replaced},
		{"garbage", Crashed, exits, "", "private descriptors", "", replaced},
		{"close all", Crashed, exits, "", "private descriptors", "", replaced},
		{"hold the pipe", Crashed, 3, "", "exit status 3", "", replaced},
		{"close stdout", OK, -1, "", "", "", kept},
		{"goroutines", OK, -1, "", "", "", replaced},
		{"short-lived", OK, -1, "", "", "", either},
		{"child", OK, -1, "", "", "", replaced},
		{"unset env", OK, -1, "", "", "", kept},
		{"lock", OK, -1, "", "", "", kept},
		{"signals", Timeout, -1, "SIGKILL", "", "", replaced},
		{"stop", Timeout, -1, "SIGKILL", "", "", replaced},
		{"gomaxprocs", Timeout, -1, "SIGKILL", "", "", replaced},
	} {
		t.Run(c.deed, func(t *testing.T) {
			if raceEnabled && c.deed == "out of memory" {
				c.code, c.reason = exits, "" // the detector dies first, in its own way
			}
			silent, err := os.Open(os.DevNull) // and not for writing: that must hurt nobody
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			p := newPool(t, PoolOptions{Workers: 1, Stdout: silent, Stderr: silent})
			limits := Limits{Timeout: bound}
			if c.want == Timeout {
				limits.Timeout = 200 * time.Millisecond
			}
			call, err := hostile.Start(ctx(t), p.With(limits), c.deed)
			if err != nil {
				t.Fatal(err)
			}
			out, err := call.Wait()
			r := call.Result()
			if r.Outcome != c.want || (c.code != exits && r.ExitCode != c.code) || r.Signal != c.signal && c.code != exits {
				t.Errorf("got %q, exit code %d, signal %q: %v", r.Outcome, r.ExitCode, r.Signal, err)
			}
			if c.want == OK && out != "survived "+c.deed {
				t.Errorf("got %q, %v", out, err)
			}
			if c.want == Crashed {
				if e := errorAs[*CrashError](t, err); !strings.Contains(e.Reason, c.reason) || e.Result.Outcome != Crashed {
					t.Errorf("reason %q, want one about %q", e.Reason, c.reason)
				}
			}
			if !strings.Contains(r.Stack, c.stack) {
				t.Errorf("stack lacks %q:\n%s", c.stack, r.Stack)
			}
			pid, err := servedBy(t, p)
			if err != nil || c.then == kept && pid != r.PID || c.then == replaced && pid == r.PID {
				t.Errorf("the next call ran in %d, this one in %d: %v", pid, r.PID, err)
			}
		})
	}
}
