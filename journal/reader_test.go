package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cutoff-run/cutoff"
)

// testFile returns a journal of a header and n ended records.
func testFile(t testing.TB, n int) []byte {
	t.Helper()
	h := testHeader()
	h.fill(SyncGroup)
	file, err := encode(&h)
	check(t, err)
	for i := range n {
		e := testEnded(int64(i+1), cutoff.OK)
		line, err := encode(&e)
		check(t, err)
		file = append(file, line...)
	}
	return file
}

// A writer that died in the middle of its last record, at any byte, costs that
// record and nothing else; and it does not pass for one that is not torn.
func TestTornTail(t *testing.T) {
	file := testFile(t, 3)
	last := bytes.LastIndexByte(file[:len(file)-1], '\n') + 1
	for end := last; end <= len(file); end++ {
		recs, errs := readAll(file[:end])
		whole := end >= len(file)-1 // only its newline is missing, or nothing
		wantRecs := 3
		if whole {
			wantRecs = 4
		}
		if len(recs) != wantRecs {
			t.Fatalf("cut at byte %d of the last line: %d records, want %d", end-last, len(recs), wantRecs)
		}
		if whole || end == last {
			if errs != nil {
				t.Fatalf("cut at byte %d: %v", end-last, errs)
			}
			continue
		}
		var line *LineError
		if len(errs) != 1 || !errors.As(errs[0], &line) || !line.Torn || line.Line != 4 {
			t.Fatalf("cut at byte %d: errors %v", end-last, errs)
		}
		if !strings.HasPrefix(string(file[last:end]), line.Text) || line.Text == "" {
			t.Fatalf("cut at byte %d: text %q", end-last, line.Text)
		}
	}
}

// Going on after a torn line, at any byte, loses nothing and joins nothing.
func TestAppendAfterTornTail(t *testing.T) {
	file := testFile(t, 2)
	last := bytes.LastIndexByte(file[:len(file)-1], '\n') + 1
	for end := last; end <= len(file); end++ {
		path := newPath(t)
		writeFile(t, path, file[:end])
		w, err := Append(path, testHeader(), Options{Sync: SyncOff})
		check(t, err)
		check(t, w.Ended(testEnded(9, cutoff.Timeout)))
		check(t, w.Close())
		got := mustReadFile(t, path)
		if !bytes.HasPrefix(got, file[:end]) {
			t.Fatalf("cut at byte %d: what was there has changed", end-last)
		}
		recs, errs := readAll(got)
		want := 4
		if end >= len(file)-1 {
			want = 5
		}
		if len(recs) != want || recs[len(recs)-1].(*Ended).Seq != 9 || len(errs) > 1 {
			t.Fatalf("cut at byte %d: %d records, want %d; errors %v", end-last, len(recs), want, errs)
		}
	}
}

func TestForeignLines(t *testing.T) {
	lines := strings.SplitAfter(string(testFile(t, 2)), "\n")
	foreign := []string{"hello", "", "{}", `[1]`, `"ended"`, "null", `{"type":"ended","seq":"one"}`, `{"type":"other"}`, `{"type":7}`, "\x00\x00", `{"type":"header"}`, "\xff\xfe"}
	for _, text := range foreign {
		recs, errs := readAll([]byte(lines[0] + lines[1] + text + "\n" + lines[2]))
		if len(recs) != 3 {
			t.Errorf("%q: %d records around it, want 3", text, len(recs))
		}
		var line *LineError
		if len(errs) != 1 || !errors.As(errs[0], &line) || line.Line != 3 || line.Text != text || line.Torn {
			t.Errorf("%q: errors %v", text, errs)
		}
	}
}

func TestNotAJournal(t *testing.T) {
	rest := string(testFile(t, 1))
	for name, text := range map[string]string{
		"empty":          "",
		"text":           "hello\nworld\n",
		"no header":      rest[strings.IndexByte(rest, '\n')+1:],
		"torn header":    rest[:40],
		"another format": `{"type":"header","format":"other","major":1}` + "\n",
		"no version":     `{"type":"header","format":"cutoff-journal"}` + "\n",
	} {
		recs, errs := readAll([]byte(text))
		if len(recs) != 0 || len(errs) != 1 || !errors.Is(errs[0], ErrNotJournal) {
			t.Errorf("%s: %d records, errors %v", name, len(recs), errs)
		}
	}
}

func TestLaterMinorVersion(t *testing.T) {
	file := strings.Replace(string(testFile(t, 1)), `"minor":0`, `"minor":7,"shape":"round"`, 1)
	file += `{"type":"paused","why":"lunch"}` + "\n"
	file += strings.Replace(strings.SplitAfter(file, "\n")[1], `"seq":1`, `"seq":2,"mood":{"good":true}`, 1)
	recs, errs := readAll([]byte(file))
	if len(recs) != 3 || errs != nil {
		t.Fatalf("%d records, errors %v", len(recs), errs)
	}
	if recs[0].(*Header).Minor != 7 || recs[2].(*Ended).Seq != 2 {
		t.Errorf("records %+v", recs)
	}
}

func TestLaterMajorVersion(t *testing.T) {
	file := string(testFile(t, 1))
	newer := strings.Replace(file, `"major":1,"minor":0`, `"major":2,"minor":3,"slots":"many"`, 1)
	for name, text := range map[string]string{"alone": newer, "appended": file + newer} {
		_, errs := readAll([]byte(text))
		var version *VersionError
		if len(errs) != 1 || !errors.As(errs[0], &version) || version.Major != 2 {
			t.Fatalf("%s: errors %v", name, errs)
		}
		for _, want := range []string{"cutoff 0.1.0", "2.3", "newer"} {
			if !strings.Contains(errs[0].Error(), want) {
				t.Errorf("%s: %q does not say %q", name, errs[0], want)
			}
		}
	}
}

func TestReadErrorEndsIt(t *testing.T) {
	broken := errors.New("input/output error")
	r := io.MultiReader(bytes.NewReader(testFile(t, 1)), iotest.ErrReader(broken))
	var got []error
	for _, err := range Read(r) {
		if err != nil {
			got = append(got, err)
		}
	}
	if len(got) != 1 || !errors.Is(got[0], broken) {
		t.Errorf("errors %v", got)
	}
}

func TestReaderMayStop(t *testing.T) {
	for _, err := range Read(bytes.NewReader(testFile(t, 3))) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
}

// endless returns its text for ever.
type endless struct{ text string }

func (e endless) Read(p []byte) (int, error) {
	n := copy(p, e.text)
	for n < len(p) {
		n += copy(p[n:], e.text)
	}
	return n, nil
}

// A line without an end costs no more memory than the longest record.
func TestLongLineIsBounded(t *testing.T) {
	const long = 256 << 20
	file := testFile(t, 1)
	first := bytes.IndexByte(file, '\n') + 1
	r := io.MultiReader(bytes.NewReader(file[:first]), io.LimitReader(endless{strings.Repeat("x", 4096)}, long),
		strings.NewReader("\n"), bytes.NewReader(file[first:]))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	recs, long2 := 0, 0
	for rec, err := range Read(r) {
		var line *LineError
		switch {
		case errors.As(err, &line) && errors.Is(err, errTooLong) && len(line.Text) == shownText:
			long2++
		case err != nil:
			t.Fatal(err)
		case rec != nil:
			recs++
		}
	}
	runtime.ReadMemStats(&after)
	if recs != 2 || long2 != 1 {
		t.Errorf("%d records, %d long lines", recs, long2)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > long/2 {
		t.Errorf("allocated %d MiB for a line of %d MiB", used>>20, long>>20)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{10_000} {
		file := testFile(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range Read(bytes.NewReader(file)) {
					check(b, err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
