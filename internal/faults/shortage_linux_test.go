package faults

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff"
)

// shortageVar says what the helper "shortage" runs out of.
const shortageVar = "FAULTS_SHORTAGE"

// TestShortage takes descriptors or processes away from a program while it
// works, and gives them back.
func TestShortage(t *testing.T) {
	for _, what := range []string{"descriptors", "processes"} {
		t.Run(what, func(t *testing.T) {
			eachLevel(t, func(t *testing.T, level string) {
				f := newFamily(t)
				ctx, cancel := context.WithTimeout(context.Background(), bound)
				defer cancel()
				cmd := exec.CommandContext(ctx, "/proc/self/exe")
				cmd.Dir = "/"
				cmd.Env = append(os.Environ(), roleVar+"=shortage", shortageVar+"="+what, f.env(), "CUTOFF_CONTAINMENT="+level)
				if what == "processes" && os.Getuid() == 0 {
					if level == "cgroup" {
						t.Skip("root has no limit on processes, and an ordinary user no cgroup")
					}
					// Somebody whose processes nobody else counts.
					cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 61234, Gid: 65534}}
				}
				cmd.WaitDelay = time.Second
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), "faults:") {
					t.Errorf("%v\n%s", err, out)
				}
				t.Logf("%s: %s", level, strings.TrimSpace(string(out)))
				if left, _ := f.gone(); len(left) > 0 {
					t.Errorf("alive after a second: %q", left)
				}
			})
		})
	}
}

// From here on this file runs in the program that is short of something.

// beShort works, works under a shortage, and recovers.
func beShort() {
	before := descriptors()
	pool := newPool()
	warmThreads()
	work(pool, 2*len(deeds))
	scarce, plenty := unix.RLIMIT_NPROC, uint64(1)
	if os.Getenv(shortageVar) == "descriptors" {
		scarce, plenty = unix.RLIMIT_NOFILE, roomFor(3)
	}
	var old unix.Rlimit
	check(unix.Getrlimit(scarce, &old))
	check(unix.Setrlimit(scarce, &unix.Rlimit{Cur: plenty, Max: old.Max}))
	short := work(pool, 4*len(deeds))
	check(unix.Setrlimit(scarce, &old))
	recovered(pool)
	check(pool.Close())
	settled(before)
	fmt.Printf("faults: short of %s: %v\n", os.Getenv(shortageVar), short)
}

// work performs n tasks and counts their outcomes; each must have one.
func work(pool *cutoff.Pool, n int) map[cutoff.Outcome]int {
	var mu sync.Mutex
	outcomes := map[cutoff.Outcome]int{}
	todo := make(chan int)
	var runners sync.WaitGroup
	for range slots {
		runners.Go(func() {
			for i := range todo {
				r := perform(context.Background(), pool, deeds[i%len(deeds)])
				mu.Lock()
				outcomes[r.Outcome]++
				mu.Unlock()
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	runners.Wait()
	if outcomes[""] > 0 {
		check(fmt.Errorf("tasks without an outcome: %v", outcomes))
	}
	return outcomes
}

// recovered waits until the shortage's end has been noticed: then everything
// works as before.
func recovered(pool *cutoff.Pool) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		fine := true
		for _, d := range deeds {
			fine = fine && perform(context.Background(), pool, d).Outcome == d.want
		}
		if fine {
			return
		}
		if time.Now().After(end) {
			check(fmt.Errorf("the pool does not recover: %+v", pool.Stats()))
		}
	}
}

// warmThreads gives the runtime the threads that it will want: one that cannot
// have a thread dies, and that is not what is tested.
func warmThreads() {
	const threads = 48
	var locked, all sync.WaitGroup
	locked.Add(threads)
	end := make(chan struct{})
	for range threads {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			locked.Done()
			<-end
		})
	}
	locked.Wait() // all at the same time
	close(end)
	all.Wait()
}

// roomFor returns the limit under which n further descriptors can be opened.
func roomFor(n int) (limit uint64) {
	for ; n > 0; limit++ {
		if _, err := unix.FcntlInt(uintptr(limit), unix.F_GETFD, 0); err != nil {
			n--
		}
	}
	return limit
}
