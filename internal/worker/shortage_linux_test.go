package worker

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFewDescriptors starts a worker with every number of descriptors that may
// be short: it starts and serves, or it does not and nothing is left.
func TestFewDescriptors(t *testing.T) {
	start(t) // what is opened once is open
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	files, pages := openFiles(t), pagesMapped(t)
	lowest, served := lowestFree(t), 0
	for few := lowest; served < 3; few++ {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: few, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		w, err := Start(config())
		if e := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); e != nil {
			t.Fatal(e)
		}
		if err == nil {
			if end := w.Do(Call{Func: "echo", In: []byte("x"), Timeout: bound}); string(end.Body) != "x" {
				t.Errorf("%d more: %+v", few-lowest, end)
			}
			w.Close()
			served++
		}
		if p := pagesMapped(t); p != pages {
			t.Errorf("%d more, %v: %d pages are mapped, and were %d", few-lowest, err, p, pages)
		}
		for end := time.Now().Add(bound); openFiles(t) != files; time.Sleep(time.Millisecond) { // who has waited for a process still closes its own
			if time.Now().After(end) {
				t.Fatalf("%d more, %v: %d files are open, and were %d", few-lowest, err, openFiles(t), files)
			}
		}
		if few > lowest+100 {
			t.Fatalf("100 descriptors are too few: %v", err)
		}
	}
}

// openFiles returns how many files are open.
func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func lowestFree(t *testing.T) uint64 {
	t.Helper()
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return uint64(f.Fd())
}
