package batch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// writes prints as many bytes as the ID says, in pieces of odd sizes, so that
// each place can be told: "0000000,0000008,…".
var writes = runnerFunc(func(_ context.Context, a batch.Attempt) (cutoff.Result, error) {
	var n int
	_, _ = fmt.Sscan(a.Task.ID, &n)
	text := places(n)
	for piece := 1; len(text) > 0; piece = piece*7%1001 + 1 {
		p := text[:min(piece, len(text))]
		_, _ = a.Stdout.Write(p)
		_, _ = a.Stderr.Write(p[:len(p)/2])
		text = text[len(p):]
	}
	return ends(cutoff.OK, 0)
})

func places(n int) []byte {
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%07d,", b.Len())
	}
	return b.Bytes()[:n]
}

// Of more than MaxOutput the beginning and the end are kept, in the file to
// the byte, on the screen to a chunk.
func TestMaxOutput(t *testing.T) {
	const chunk = 32 << 10
	for _, c := range []struct{ n, most, file, screen int }{
		{0, 10, 0, 0},
		{10, 0, 10, 10},
		{100, 100, 100, 100},
		{101, 100, 50, 101},
		{151, 100, 50, 151},
		{200, 100, 50, 200},
		{12345, 7, 4, 12345},
		{3*chunk + 5, 100, 50, chunk},
		{10 * chunk, 4 * chunk, 2 * chunk, 2 * chunk},
		{10*chunk + 1, 4*chunk + 1, 2*chunk + 1, 3 * chunk},
	} {
		dir := t.TempDir()
		var screen strings.Builder
		_, err := batch.Run(t.Context(), writes, list(fmt.Sprint(c.n)), batch.Options{Stdout: &screen, Results: dir, MaxOutput: int64(c.most)})
		if err != nil {
			t.Fatal(err)
		}
		names, _ := filepath.Glob(dir + "/*/1/stdout")
		if len(names) != 1 {
			t.Fatalf("files %q", names)
		}
		file, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		checkEnds(t, fmt.Sprintf("the file of %d bytes, %d kept", c.n, c.most), string(file), c.n, c.file)
		checkEnds(t, fmt.Sprintf("the screen of %d bytes, %d kept", c.n, c.most), screen.String(), c.n, c.screen)
		if left, _ := filepath.Glob(dir + "/*/1/*.tmp"); left != nil {
			t.Errorf("left behind: %q", left)
		}
	}
}

// checkEnds holds a text against the first and last half of n bytes, or all of
// them; the last half may be less than a chunk shorter.
func checkEnds(t *testing.T, what, got string, n, half int) {
	t.Helper()
	all := string(places(n))
	if half >= n {
		if got != all {
			t.Errorf("%s: %d bytes, want all", what, len(got))
		}
		return
	}
	head, rest, ok := strings.Cut(got, "\n[… ")
	missing, tail, ok2 := strings.Cut(rest, " bytes are left out here …]\n")
	if !ok || !ok2 || missing != fmt.Sprint(n-len(head)-len(tail)) || len(head) != half || !strings.HasPrefix(all, head) || !strings.HasSuffix(all, tail) || len(tail) < half {
		t.Errorf("%s: %d bytes at the beginning, %d at the end, %s missing; want %d each", what, len(head), len(tail), missing, half)
	}
}

// What cannot be written ends the batch and is not the task's fault.
func TestResultsFail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	w, path := newJournal(t)
	sum, err := batch.Run(t.Context(), named, list("ok", "ok 2"), batch.Options{Slots: 1, Results: file, Journal: w, Finite: true})
	if !errors.Is(err, batch.ErrResults) || sum.Outcomes[cutoff.NotStarted] != 2 {
		t.Errorf("%v, %+v", err, sum)
	}
	if _, ended := records(t, path); len(ended) != 2 {
		t.Errorf("%d ends in the journal", len(ended))
	}

	dir := t.TempDir() // the second time the first attempt is there already
	for i := range 2 {
		_, err := batch.Run(t.Context(), named, list("ok"), batch.Options{Results: dir})
		if errors.Is(err, batch.ErrResults) != (i == 1) {
			t.Errorf("run %d: %v", i+1, err)
		}
	}
}

// Whatever a task is called, its directory is one of its own, below the one
// that was named.
func TestResultNames(t *testing.T) {
	dir := t.TempDir()
	ids := []string{"../../x", "a/b", "a_b", "", ".", "..", "-rf", strings.Repeat("long", 500), "new\nline", "\xff", "same", "same"}
	if _, err := batch.Run(t.Context(), writes, list(ids...), batch.Options{Results: dir}); err != nil {
		t.Fatal(err)
	}
	found, err := os.ReadDir(dir)
	if err != nil || len(found) != len(ids) {
		t.Errorf("%d directories for %d tasks, %v", len(found), len(ids), err)
	}
	for _, d := range found {
		if name := d.Name(); !d.IsDir() || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._+-") != "" || name[0] == '.' || len(name) > 100 {
			t.Errorf("the name %q", name)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, d.Name(), "1", "*")); len(files) != 3 {
			t.Errorf("%s has %q", d.Name(), files)
		}
	}
}
