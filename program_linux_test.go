package cutoff

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// levelVar tells the helper "orphans" which level its workers must have.
const levelVar = "CUTOFF_TEST_LEVEL"

var orphan = Register("orphan", func(_ context.Context, how string) (int, error) {
	switch how {
	case "one processor": // nothing else in the worker ever runs again
		runtime.GOMAXPROCS(1)
		debug.SetGCPercent(-1)
	case "descendant":
		startSleeper()
	}
	fmt.Println("up")
	if how == "stopped" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}
	return 0, spinForever()
})

// orphans starts calls that never end, and whose processes say that they are up.
var _ = helper("orphans", func() {
	pool, err := NewPool(PoolOptions{Workers: 4, Containment: os.Getenv(levelVar)})
	if err != nil {
		panic(err)
	}
	for _, how := range []string{"spin", "one processor", "stopped", "descendant"} {
		if _, err := orphan.Start(context.Background(), pool, how); err != nil {
			panic(err)
		}
	}
	select {}
})

// TestProgramKilled kills a program with SIGKILL while its workers loop
// without end, have one processor only, are stopped, and have a descendant in
// a session of its own: a second later nothing of it lives, at any level.
func TestProgramKilled(t *testing.T) {
	for _, l := range proc.Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			if l.Err != nil {
				t.Skip("it cannot be had here:", l.Err)
			}
			killProgram(t, l.Level)
		})
	}
}

func killProgram(t *testing.T, level proc.Level) {
	mark := fmt.Sprintf("CUTOFF_TEST_MARK=%d.%d", os.Getpid(), time.Now().UnixNano())
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), helperEnv(t, "orphans"), mark, levelVar+"="+string(level))
	program.Stderr = os.Stderr
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
		for _, pid := range marked(mark) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	lines := bufio.NewScanner(stdout)
	for range 4 {
		if !lines.Scan() {
			t.Fatal("the program ended early")
		}
	}
	const least = 6 // the program, four workers, the descendant
	if n := len(marked(mark)); n < least {
		t.Fatalf("%d processes are up, want %d: the test is void", n, least)
	}
	killed := time.Now()
	_ = program.Process.Kill()
	for len(marked(mark)) > 0 {
		if took := time.Since(killed); took > bound {
			t.Fatalf("alive %v after the program was killed: %v", took, marked(mark))
		}
		time.Sleep(time.Millisecond)
	}
}

// marked lists the living processes with the mark in their environment; a
// zombie has none any more.
func marked(mark string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if b, _ := os.ReadFile(file); bytes.Contains(b, []byte(mark)) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
