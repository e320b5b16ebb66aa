// Package leak fails a test run that leaves goroutines, descriptors or child
// processes behind. Use it from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }
package leak

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// settle bounds how long leftovers of the last test may take to go away.
const settle = 5 * time.Second

// Run runs the tests and returns the exit code: that of the tests, or 1 if
// they passed and something that was not there before them is still there.
func Run(m *testing.M) int {
	// The race detector holds back every exit for a second, in case another
	// goroutine is about to race. The processes that tests start exit often,
	// and inherit this.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	before := take()
	code := m.Run()
	if code != 0 {
		return code
	}
	var extra []string
	for end := time.Now().Add(settle); ; time.Sleep(10 * time.Millisecond) {
		runtime.GC() // closes what only finalizers hold, so that it is no leak
		if extra = take().minus(before); len(extra) == 0 {
			return 0
		}
		if time.Now().After(end) {
			break
		}
	}
	fmt.Fprintf(os.Stderr, "leak: left behind by the tests:\n%s\n", strings.Join(extra, "\n"))
	return 1
}

// snapshot maps what exists to how often it does.
type snapshot map[string]int

func (s snapshot) minus(old snapshot) []string {
	var extra []string
	for what, n := range s {
		if n > old[what] {
			extra = append(extra, fmt.Sprintf("%d more of %s", n-old[what], what))
		}
	}
	return extra
}

func take() snapshot {
	s := snapshot{}
	for _, g := range goroutines() {
		s["goroutine "+g]++
	}
	for _, fd := range descriptors() {
		s["descriptor "+fd]++
	}
	for _, c := range children() {
		s["child process "+c]++
	}
	return s
}

// goroutines returns the stack of every goroutine that is not the testing
// package's or the runtime's own, without its number and state.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out []string
	for i, g := range strings.Split(string(buf), "\n\n") {
		_, stack, _ := strings.Cut(g, "\n")
		if i == 0 || strings.Contains(stack, "testing.(*M).") || strings.Contains(stack, "os/signal.loop") ||
			strings.Contains(stack, "runtime/trace.") {
			continue
		}
		out = append(out, stack)
	}
	return out
}

// descriptors lists the open descriptors by what they lead to (Linux only).
func descriptors() []string {
	ents, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	toKeeper, ofKeeper := keeperPipes(), keeperPidfd()
	var out []string
	for _, e := range ents {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if toKeeper[to] || e.Name() == ofKeeper || strings.HasPrefix(to, "/sys/fs/cgroup/") && strings.HasPrefix(filepath.Base(to), "cutoff-") {
			continue // the program's own cgroup
		}
		if err != nil || strings.HasPrefix(to, "anon_inode:[event") || strings.HasSuffix(to, "/fd") {
			continue // the netpoller's own; the directory being read
		}
		if i := strings.IndexByte(to, ':'); i > 0 && !strings.HasPrefix(to, "/") {
			to = to[:i] // pipe:[123]: the number says nothing
		}
		out = append(out, to)
	}
	return out
}

// keeperPipes names the pipe that a keeper shares with this process.
func keeperPipes() map[string]bool {
	pipes := map[string]bool{}
	for _, pid := range childPIDs() {
		if cmdline(pid) == keeperName {
			if to, err := os.Readlink("/proc/" + pid + "/fd/3"); err == nil {
				pipes[to] = true
			}
		}
	}
	return pipes
}

// keeperPidfd is the descriptor by which this process waits for its keeper.
func keeperPidfd() string {
	for _, pid := range childPIDs() {
		if cmdline(pid) != keeperName {
			continue
		}
		infos, _ := filepath.Glob("/proc/self/fdinfo/*")
		for _, info := range infos {
			if b, _ := os.ReadFile(info); strings.Contains(string(b), "\nPid:\t"+pid+"\n") {
				return filepath.Base(info)
			}
		}
	}
	return ""
}

const keeperName = "tree-keeper"

// children lists the child processes of this process (Linux only).
func children() []string {
	var out []string
	for _, pid := range childPIDs() {
		if cmd := cmdline(pid); cmd != keeperName {
			out = append(out, cmd)
		}
	}
	return out
}

func childPIDs() []string {
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	var pids []string
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}

func cmdline(pid string) string {
	b, _ := os.ReadFile("/proc/" + pid + "/cmdline")
	return strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
}
