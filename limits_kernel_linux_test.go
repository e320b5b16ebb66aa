package cutoff

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

var (
	_ = helper("eat-at-once", func() { _ = eatAtOnce(1 << 30) })

	eatAll = Register("memory.eatAtOnce", func(_ context.Context, n int) (int, error) { return n, eatAtOnce(n) })

	// limits-memory is a program with a command and a worker under the limit.
	_ = helper("limits-memory", func() {
		level := os.Getenv(levelVar)
		pool, err := NewPool(PoolOptions{Workers: 1, Containment: level, Limits: Limits{Memory: 500 << 20}})
		if err == nil {
			_, err = double.Call(context.Background(), pool, 1)
		}
		if err != nil {
			panic(err)
		}
		c := sh("echo up; exec sleep 1000")
		c.Stdout, c.Containment, c.Limits.Memory = os.Stdout, level, 500<<20
		_, _ = c.Run(context.Background())
	})
)

// eatAtOnce has the kernel fill so many bytes, as fast as it can.
func eatAtOnce(n int) error {
	_, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	return err
}

// memoryCgroup returns where this program can make memory cgroups (v1).
func memoryCgroup(t *testing.T) string {
	t.Helper()
	b, _ := os.ReadFile("/proc/self/cgroup")
	_, name, ok := strings.Cut(string(b), ":memory:")
	name, _, _ = strings.Cut(name, "\n")
	base := filepath.Join("/sys/fs/cgroup/memory", name)
	try := filepath.Join(base, fmt.Sprintf("test-%d", os.Getpid()))
	if !ok || os.Mkdir(try, 0o755) != nil {
		t.Skip("no v1 memory cgroup can be made here")
	}
	_ = os.Remove(try)
	return base
}

// left lists the cgroups of a program's trees; below is "", or "/t[0-9]*".
func left(t *testing.T, base string, pid int, below string) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(base, fmt.Sprintf("cutoff-%d-*", pid)) + below)
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// TestMemoryAtOnce: who takes a gigabyte at once against a limit of 64 MiB is
// held near it, whoever in the tree it is, at every level.
func TestMemoryAtOnce(t *testing.T) {
	base := memoryCgroup(t)
	const limit = 64 << 20
	const peak = limit + limit/8 + 32<<20 // docs/LIMITS.md, and the pages of the executable, which others have paid for
	for _, l := range proc.Levels() {
		for name, script := range map[string]string{
			"leader":   "exec " + selfPath(),
			"child":    selfPath() + "; sleep 60",
			"children": "for i in 1 2 3 4 5 6 7 8; do " + selfPath() + " & done; wait; sleep 60",
		} {
			t.Run(string(l.Level)+"/"+name, func(t *testing.T) {
				if l.Err != nil {
					t.Skip("it cannot be had here:", l.Err)
				}
				c := sh(script)
				c.Env = append(os.Environ(), helperEnv(t, "eat-at-once"))
				c.Containment = string(l.Level)
				c.Limits = Limits{Memory: limit, Timeout: bound, Grace: time.Hour}
				r, err := c.Run(ctx(t))
				_ = cutOff(t, r, err, Memory, ErrMemory)
				if r.MaxRSS > peak || r.MemoryBy != ByKernel && r.MemoryBy != ByWatch {
					t.Errorf("ended by the %s with a peak of %d MiB", r.MemoryBy, r.MaxRSS>>20)
				}
				if own := left(t, base, os.Getpid(), "/t[0-9]*"); len(own) > 0 {
					t.Errorf("left behind: %v", own)
				}
			})
		}
		t.Run(string(l.Level)+"/worker", func(t *testing.T) {
			if l.Err != nil {
				t.Skip("it cannot be had here:", l.Err)
			}
			const limit = 200 << 20
			p := newPool(t, PoolOptions{Workers: 1, Containment: string(l.Level), Limits: Limits{Memory: limit, Timeout: bound}})
			for range 2 {
				c, err := eatAll.Start(ctx(t), p, 2<<30)
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Wait()
				r := c.Result()
				_ = cutOff(t, r, err, Memory, ErrMemory)
				if r.MaxRSS > limit+limit/8+64<<20 || r.MemoryBy != ByKernel && r.MemoryBy != ByWatch {
					t.Errorf("ended by the %s with a peak of %d MiB", r.MemoryBy, r.MaxRSS>>20)
				}
				if n, err := double.Call(ctx(t), p, 21); err != nil || n != 42 {
					t.Errorf("the next call: %d, %v", n, err)
				}
			}
			// A call without the limit has none.
			if _, err := eatAll.Call(ctx(t), p.With(Limits{Timeout: bound}), 400<<20); err != nil {
				t.Errorf("without the limit: %v", err)
			}
		})
	}
}

// TestMemoryProgramKilled: a second after a program was killed no cgroup of it
// is left in the memory hierarchy.
func TestMemoryProgramKilled(t *testing.T) {
	base := memoryCgroup(t)
	for _, l := range proc.Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			if l.Err != nil {
				t.Skip("it cannot be had here:", l.Err)
			}
			program := exec.Command(selfPath())
			program.Env = append(os.Environ(), helperEnv(t, "limits-memory"), levelVar+"="+string(l.Level))
			program.Stderr = os.Stderr
			out, err := program.StdoutPipe()
			if err == nil {
				err = program.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = program.Process.Kill()
				_ = program.Wait()
			}()
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
				t.Fatalf("%q, %v", line, err)
			}
			if own := left(t, base, program.Process.Pid, "/t[0-9]*"); len(own) != 2 {
				t.Fatalf("the cgroups of a command and a worker: %v; the test is void", own)
			}
			killed := time.Now()
			_ = program.Process.Kill()
			for len(left(t, base, program.Process.Pid, "")) > 0 {
				if took := time.Since(killed); took > bound {
					t.Fatalf("left behind %v after the kill: %v", took, left(t, base, program.Process.Pid, "*"))
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}
