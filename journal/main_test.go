package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// at is a fixed instant, d later.
func at(d time.Duration) time.Time {
	return time.Date(2026, 11, 22, 9, 30, 0, 123456789, time.UTC).Add(d)
}

func testHeader() Header {
	return Header{
		Time: at(0), Program: "cutoff 0.1.0", Argv: []string{"cutoff", "batch", "-t", "2s"}, Dir: "/home/ada",
		Host: "tower", PID: 4711, OS: "linux", Arch: "amd64", Cores: 8, Containment: "cgroup", Slots: 4,
		Limits: cutoff.Limits{Timeout: 2 * time.Second},
	}
}

func testTask(seq int64) Task {
	argv := []string{"minisat", string(rune('a'+seq%26)) + ".cnf"}
	return Task{
		Seq: seq, ID: argv[1], Identity: Work{Argv: argv}.Identity(), Occurrence: 1,
		Slot: 1 + int(seq)%4, Argv: argv,
	}
}

func testEnded(seq int64, o cutoff.Outcome) Ended {
	return Ended{Time: at(time.Minute), Task: testTask(seq), Result: cutoff.Result{
		Outcome: o, PID: 1000 + int(seq), Attempt: 1, Started: at(time.Second), Wall: 1500 * time.Millisecond,
		User: time.Second, System: time.Millisecond, MaxRSS: 1 << 20, Containment: "cgroup",
	}}
}

// newPath returns the path of a file that does not exist.
func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "run.jsonl") }

// mustCreate creates a journal that is closed when the test ends.
func mustCreate(t testing.TB, path string, opts Options) *Writer {
	t.Helper()
	w, err := Create(path, testHeader(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readAll returns the records and the errors of a journal.
func readAll(b []byte) (recs []Record, errs []error) {
	for rec, err := range Read(bytes.NewReader(b)) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		recs = append(recs, rec)
	}
	return recs, errs
}

func mustReadFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	return b
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	check(t, os.WriteFile(path, b, 0o600))
}
