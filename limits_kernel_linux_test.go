package cutoff

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

var (
	_ = helper("eat-at-once", func() { _ = eatAtOnce(1 << 30) })

	eatAll = Register("memory.eatAtOnce", func(_ context.Context, n int) (int, error) { return n, eatAtOnce(n) })

	// limited is a program with a command and a worker under limits.
	_ = helper("limited", func() {
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
		if r := (Resources{Processes: 1000}); r.check("") == nil {
			c.Resources = r
		}
		_, _ = c.Run(context.Background())
	})

	// starved is a program that has little memory, with a command and a call
	// that have no limit.
	_ = helper("starved", func() {
		c := Command{Path: selfPath(), Env: append(os.Environ(), helperVar+"=eat-at-once")}
		r, err := c.Run(context.Background())
		fmt.Println("command", r.Outcome, r.MemoryBy, r.Signal, errors.Is(err, ErrMemory))
		pool, err := NewPool(PoolOptions{Workers: 1})
		if err != nil {
			panic(err)
		}
		call, err := eatAll.Start(context.Background(), pool, 1<<30)
		if err != nil {
			panic(err)
		}
		_, err = call.Wait()
		r = call.Result()
		fmt.Println("call", r.Outcome, r.MemoryBy, r.Signal, errors.Is(err, ErrMemory))
		pool.Close()
	})
)

// eatAtOnce has the kernel fill so many bytes, as fast as it can.
func eatAtOnce(n int) error {
	_, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	return err
}

// cgroupV1 returns where this program can make cgroups of a v1 hierarchy.
func cgroupV1(t *testing.T, controller string) (base string, ok bool) {
	t.Helper()
	b, _ := os.ReadFile("/proc/self/cgroup")
	_, name, ok := strings.Cut(string(b), ":"+controller+":")
	name, _, _ = strings.Cut(name, "\n")
	base = "/sys/fs/cgroup/" + controller + name
	try := filepath.Join(base, fmt.Sprintf("test-%d", os.Getpid()))
	if !ok || os.Mkdir(try, 0o755) != nil {
		return "", false
	}
	_ = os.Remove(try)
	return base, true
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

// ownPeak is the most memory that this program has held.
func ownPeak(t *testing.T) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return int64(u.Maxrss) << 10 //nolint:unconvert // an int32 on some systems
}

// forgetPeak makes what this program holds now its peak: what it starts is charged
// with the peak, and tests that ran before may have taken a gigabyte.
func forgetPeak(t *testing.T) {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Log("the peak stays:", err)
	}
}

// TestMemoryAtOnce: who takes a gigabyte at once against a limit of 64 MiB is
// held near it, whoever in the tree it is, at every level.
func TestMemoryAtOnce(t *testing.T) {
	base, ok := cgroupV1(t, "memory")
	if !ok {
		t.Skip("no v1 memory cgroup can be made here")
	}
	const limit = 64 << 20
	// Of a gigabyte; the pages of the executable count, and others have paid for
	// them. The kernel counts this program's own peak in, across the exec.
	peak := max(512<<20, ownPeak(t)+64<<20)
	for _, l := range proc.Levels() {
		for name, script := range map[string]string{
			"leader":   "exec " + selfPath(),
			"child":    selfPath() + "; sleep 60",
			"children": "for i in 1 2 3; do " + selfPath() + " & done; wait; sleep 60",
		} {
			t.Run(string(l.Level)+"/"+name, func(t *testing.T) {
				if l.Err != nil {
					t.Skip("it cannot be had here:", l.Err)
				}
				c := sh(script)
				c.Env = append(os.Environ(), helperEnv(t, "eat-at-once"))
				c.Containment = string(l.Level)
				c.Limits = Limits{Memory: limit, Timeout: 5 * bound, Grace: time.Hour} // the eaters may be slow to start
				r, err := c.Run(context.Background())
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
			const limit = 600 << 20 // a worker needs more under the race detector
			forgetPeak(t)
			p := newPool(t, PoolOptions{Workers: 1, Containment: string(l.Level), Limits: Limits{Memory: limit, Timeout: bound}})
			for range 2 {
				c, err := eatAll.Start(ctx(t), p, 1<<30)
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Wait()
				r := c.Result()
				_ = cutOff(t, r, err, Memory, ErrMemory)
				if r.MaxRSS > 900<<20 || r.MemoryBy != ByKernel && r.MemoryBy != ByWatch {
					t.Errorf("ended by the %s with a peak of %d MiB", r.MemoryBy, r.MaxRSS>>20)
				}
				if n, err := double.Call(ctx(t), p, 21); err != nil || n != 42 {
					t.Errorf("the next call: %d, %v", n, err)
				}
			}
			// A call without the limit has none.
			if _, err := eatAll.Call(ctx(t), p.With(Limits{Timeout: bound}), limit+limit/4); err != nil {
				t.Errorf("without the limit: %v", err)
			}
		})
	}
}

// TestLimitedProgramKilled: when a program was killed, nothing is left of the
// cgroups that were made for limits.
func TestLimitedProgramKilled(t *testing.T) {
	bases, trees := []string{}, 0
	if base, ok := cgroupV1(t, "memory"); ok {
		bases, trees = append(bases, base), trees+2 // a command's and a worker's
	}
	if base, ok := cgroupV1(t, "pids"); ok {
		bases, trees = append(bases, base), trees+1
	}
	if trees == 0 {
		t.Skip("no v1 cgroup can be made here")
	}
	all := func(t *testing.T, pid int, below string) (dirs []string) {
		for _, base := range bases {
			dirs = append(dirs, left(t, base, pid, below)...)
		}
		return dirs
	}
	for _, l := range proc.Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			if l.Err != nil {
				t.Skip("it cannot be had here:", l.Err)
			}
			program := exec.Command(selfPath())
			program.Env = append(os.Environ(), helperEnv(t, "limited"), levelVar+"="+string(l.Level))
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
			pid := program.Process.Pid
			if own := all(t, pid, "/t[0-9]*"); len(own) != trees {
				t.Fatalf("%d cgroups, not %d: %v; the test is void", len(own), trees, own)
			}
			killed := time.Now()
			_ = program.Process.Kill()
			for len(all(t, pid, "")) > 0 {
				if took := time.Since(killed); took > bound {
					t.Fatalf("left behind %v after the kill: %v", took, all(t, pid, "*"))
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// TestMemoryMachine: what the kernel kills for want of memory that no limit of
// the task speaks of is memory all the same, where the kernel's log proves it.
func TestMemoryMachine(t *testing.T) {
	base, ok := cgroupV1(t, "memory")
	if !ok {
		t.Skip("no v1 memory cgroup can be made here")
	}
	if ns, _ := os.Readlink("/proc/self/ns/pid"); ns != "pid:[4026531836]" {
		t.Skip("the kernel's log numbers processes in another way here")
	}
	log, err := os.Open("/dev/kmsg")
	if err != nil {
		t.Skip("the kernel's log may not be read here:", err)
	}
	log.Close()
	dir := filepath.Join(base, fmt.Sprintf("test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer func() { // the dead may be in it for a moment
		for end := time.Now().Add(bound); ; time.Sleep(time.Millisecond) {
			if err := os.Remove(dir); err == nil {
				return
			} else if time.Now().After(end) {
				t.Error(err)
				return
			}
		}
	}()
	for _, name := range []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("512M"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	helperEnv(t, "eat-at-once")
	program := exec.Command("sh", "-c", `echo 0 > "$1/cgroup.procs" && exec "$2"`, "sh", dir, selfPath())
	program.Env = append(os.Environ(), helperEnv(t, "starved"))
	program.Stderr = os.Stderr
	out, err := program.Output()
	if want := "command memory machine SIGKILL true\ncall memory machine SIGKILL true\n"; err != nil || string(out) != want {
		t.Errorf("%v, %q, want %q", err, out, want)
	}
}
