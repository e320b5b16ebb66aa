package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/leak"
	"github.com/cutoff-run/cutoff/journal"
)

func TestMain(m *testing.M) {
	cutoff.Init()
	os.Exit(leak.Run(m))
}

// The tasks of this batch either end within milliseconds or, those of endless,
// not for a long time: regexp2 would be busy with them for minutes at least,
// and rsc.io/pdf looks for the end of a string behind the end of a stream. So
// the outcomes are certain, however fast or busy the machine is.
const (
	testPDFs    = "900"
	testRegexps = "54"
	testLimit   = "2s"
)

var endless = []string{"pdf:765", "pdf:872", "regexp:0", "regexp:38"}

func TestBatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{
		"--pdfs", testPDFs, "--regexps", testRegexps, "--limit", testLimit, "--workers", "2", "--journal", path,
	}, &stdout, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s%s", &stderr, &stdout)

	outcomes := readOutcomes(t, path)
	var cut []string
	count := map[cutoff.Outcome]int{}
	for id, o := range outcomes {
		switch {
		case o.CutOff():
			cut = append(cut, id)
		case strings.HasPrefix(id, kindPDF):
			count[o]++
		case o != cutoff.OK:
			t.Errorf("%s: %s", id, o)
		}
	}
	slices.Sort(cut)
	if !slices.Equal(cut, endless) {
		t.Errorf("cut off: %v, want %v", cut, endless)
	}
	if want := (map[cutoff.Outcome]int{cutoff.OK: 230, cutoff.Failed: 376, cutoff.Crashed: 292}); !maps.Equal(count, want) {
		t.Errorf("the PDF files that were not cut off: %v, want %v", count, want)
	}
	for _, want := range []string{
		`^954 tasks in [\d.]+ s on 2 workers, each under a limit of 2s\n`,
		`\nregexp +52 +0 +0 +2\n`,
		`\nCut off: 4 of 954 tasks, 0\.4 %\. They took \d\d\.\d % of the workers' time `,
		`\npdf: 1 in 450 cut off, with \d\d\.\d % of the time\. The smallest:\n  pdf:765 `,
		`\n  regexp:0      \^\\w\(\(a\*\)`,
		// On a busy machine a stack may not come within its 50 ms; one of the four does.
		`\n  they were stuck in:\n( +\d+  .*\n)*? +\d+  (pdf|io|bytes|regexp2|syntax)\.`,
		`\ncrashed in:\n +\d+  rsc\.io/pdf\.\(\*buffer\)\.readObject\n`,
	} {
		if !regexp.MustCompile(want).Match(stdout.Bytes()) {
			t.Errorf("the summary lacks %s", want)
		}
	}
}

// readOutcomes reads how the tasks of a journal ended, and checks that each
// was announced first and ended once.
func readOutcomes(t *testing.T, path string) map[string]cutoff.Outcome {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	started, ended := map[string]bool{}, map[string]cutoff.Outcome{}
	for rec, err := range journal.Read(f) {
		if err != nil {
			t.Fatal(err)
		}
		switch rec := rec.(type) {
		case *journal.Started:
			started[rec.ID] = true
		case *journal.Ended:
			if !started[rec.ID] || ended[rec.ID] != "" {
				t.Errorf("%s: started %v, ended %q before", rec.ID, started[rec.ID], ended[rec.ID])
			}
			if rec.Slot < 1 || rec.Slot > 2 || rec.Func == "" || rec.Identity == "" || rec.Occurrence < 1 {
				t.Errorf("%s: incomplete record: %+v", rec.ID, rec.Task)
			}
			ended[rec.ID] = rec.Outcome
		}
	}
	return ended
}

func TestDocument(t *testing.T) {
	text, err := textOf(t.Context(), document())
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"Hopelesstasks", "two(ofthree)", "sayslittle."} {
		if !strings.Contains(text, page) {
			t.Errorf("the text %q lacks %q", text, page)
		}
	}
}

func TestShow(t *testing.T) {
	show := func(args ...string) string {
		t.Helper()
		var stdout bytes.Buffer
		if err := run(t.Context(), args, &stdout, io.Discard); err != nil {
			t.Fatal(err)
		}
		return stdout.String()
	}
	if s := show("--show", "pdf:765"); !strings.HasPrefix(s, "%PDF-1.") || s == show("--seed", "2", "--show", "pdf:765") {
		t.Errorf("pdf:765 is %.20q…, and with another seed the same", s)
	}
	if s := show("--show", "regexp:0"); strings.Count(s, "\n") != 2 {
		t.Errorf("regexp:0 is %q", s)
	}
}

func TestMistakes(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(old, []byte("not a journal\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		args []string
		want error // nil = any
	}{
		{"no such task", t.Context(), []string{"--show", "png:1"}, nil},
		{"argument", t.Context(), []string{"file.pdf"}, nil},
		{"no workers", t.Context(), []string{"--workers", "0"}, nil},
		{"file that is no journal", t.Context(), []string{"--journal", old}, journal.ErrNotJournal},
		{"directory that is missing", t.Context(), []string{"--journal", filepath.Join(t.TempDir(), "x", "y")}, fs.ErrNotExist},
		{"interrupted", canceled, nil, context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := run(tt.ctx, tt.args, io.Discard, io.Discard)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("the error is %v, want %v", err, tt.want)
			}
		})
	}
}
