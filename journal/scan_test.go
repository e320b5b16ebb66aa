package journal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

// written returns lines as the writer writes them, with all that may be in one.
func written(t testing.TB) [][]byte {
	t.Helper()
	full := testEnded(1, cutoff.Memory)
	full.ID, full.Dir, full.Argv, full.Cmd = "a \"b\"\n\t\u2028é\xff", "d", nil, "a | b"
	full.Limits = &cutoff.Limits{Timeout: time.Second, Memory: 1 << 40}
	full.Output, full.Stack, full.Error = strings.Repeat("line\n", 9), "goroutine 1 [running]:\n\x01", "so"
	full.Overshoot, full.Leaked, full.CoreDumped, full.Retry = 3, 1, true, true
	full.ExitCode, full.Signal = -1, "SIGKILL"
	notStarted := Ended{Task: testTask(3), Result: cutoff.Result{Outcome: cutoff.NotStarted, ExitCode: -1}}
	ok := testEnded(2, cutoff.OK)
	leap := Started{Time: time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC), Task: testTask(4), Attempt: 7}
	noWords := Started{Task: Task{Argv: []string{}, Func: "f"}} // and no identity
	var lines [][]byte
	for _, r := range []Record{&full, &notStarted, &ok, &leap, &noWords} {
		line, err := encode(r)
		check(t, err)
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	return lines
}

// scanLikeJSON holds what the scanner says of a line against encoding/json.
func scanLikeJSON(t *testing.T, line []byte) (taken bool) {
	t.Helper()
	got, ok := scan(line)
	if !ok {
		return false
	}
	rd := newReader(nil)
	rd.buf = line
	rec, err := rd.decode()
	if err != nil || rec == nil {
		t.Fatalf("the scanner takes %q, and encoding/json says %v", line, err)
	}
	if want := briefOf(rec); got != want {
		t.Fatalf("%q:\n scanned %+v\nwant    %+v", line, got, want)
	}
	return true
}

// What the writer writes never takes the slow way.
func TestScanTakesWhatIsWritten(t *testing.T) {
	for _, line := range written(t) {
		if !scanLikeJSON(t, line) {
			t.Errorf("the scanner does not take %s", line)
		}
		for end := range line {
			if _, ok := scan(line[:end]); ok {
				t.Fatalf("the scanner takes a torn line: %s", line[:end])
			}
		}
	}
}

// Whatever a byte of a line becomes, the scanner takes nothing else for right
// than encoding/json does.
func TestScanOfDamage(t *testing.T) {
	for _, line := range written(t) {
		for i := range line {
			for _, c := range []byte("\x00\x1f \"\\{}[],:-.0129ZTteurna\xff") {
				was := line[i]
				line[i] = c
				scanLikeJSON(t, line)
				line[i] = was
			}
		}
	}
}

// Lines that are right and that we would not write, and lines that are wrong.
func TestScanLeavesTheUnusual(t *testing.T) {
	for _, line := range []string{
		`{"type":"header","format":"cutoff-journal"}`,
		`{ "type":"started","seq":1}`,
		`{"type":"started","seq": 1}`,
		`{"type":"started","seq":1} `,
		`{"type":"started","seq":1}x`,
		`{"type":"started","attempt":1,"seq":1}`,
		`{"type":"started","seq":1,"seq":2}`,
		`{"type":"started","Seq":1}`,
		`{"type":"started","seq":null}`,
		`{"type":"started","seq":1e3}`,
		`{"type":"started","seq":01}`,
		`{"type":"started","seq":99999999999999999999}`,
		`{"type":"started","time":"2026-02-29T00:00:00Z"}`,
		`{"type":"started","time":"2026-11-22T24:00:00Z"}`,
		`{"type":"started","time":"2026-11-22T00:00:00+00:00"}`,
		`{"type":"started","identity":"\u0061"}`,
		`{"type":"started","argv":["a",]}`,
		`{"type":"started","argv_base64":["!"]}`,
		`{"type":"started","limits":{"timeout_ns":1,"other":1}}`,
		`{"type":"started","limits":{}}`,
		`{"type":"started","other":1}`,
		`{"type":"started",}`,
		`{"type":"ended","outcome":"` + "\xff" + `"}`,
	} {
		if _, ok := scan([]byte(line)); ok {
			t.Errorf("the scanner takes %s", line)
		}
	}
}

// FuzzScan: of every line that the scanner takes it says what encoding/json
// says.
func FuzzScan(f *testing.F) {
	for _, line := range written(f) {
		f.Add(line)
	}
	f.Add([]byte(`{"type":"ended","output":""}`))
	f.Add([]byte(`{"type":"ended","seq":-0,"id":"\u00e9\ud800","time":"0000-01-01T00:00:00.1Z"}`))
	f.Fuzz(func(t *testing.T, line []byte) { scanLikeJSON(t, line) })
}
