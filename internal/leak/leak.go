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
			strings.Contains(stack, "runtime/trace.") || strings.Contains(stack, "proc: for the life of the program") {
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
	var out []string
	for _, e := range ents {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
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

// children lists the child processes of this process (Linux only).
func children() []string {
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	var out []string
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		for _, pid := range strings.Fields(string(b)) {
			cmd, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			out = append(out, strings.TrimSpace(strings.ReplaceAll(string(cmd), "\x00", " ")))
		}
	}
	return out
}
