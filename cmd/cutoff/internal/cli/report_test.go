package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestReportScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/report"})
}

func TestReportStatus(t *testing.T) {
	for _, c := range []struct {
		path string
		o    reportOptions
		want int
	}{
		{"missing.jsonl", reportOptions{output: "x.svg"}, exitOurs},
		{"missing.jsonl", reportOptions{output: "x.gif"}, exitUsage},
		{"missing.jsonl", reportOptions{}, exitOurs},
		{"missing.jsonl", reportOptions{format: "gif"}, exitUsage},
		{"-", reportOptions{output: "-", format: "svg"}, exitOurs}, // no journal on it
	} {
		err := runReport(c.path, c.o, strings.NewReader("hello\n"), io.Discard, io.Discard)
		var usage usageError
		got := exitOurs
		if errors.As(err, &usage) {
			got = exitUsage
		}
		if err == nil || got != c.want {
			t.Errorf("report %s with %+v: status %d, want %d; %v", c.path, c.o, got, c.want, err)
		}
	}
}

// Whatever happens on the way, a path has the whole report or what it had.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.csv")
	full := errors.New("no space left")
	half := func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20)) // more than any buffer
		return errors.Join(err, full)
	}
	if err := writeFile(path, half); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	list := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	if names := list(); len(names) != 0 {
		t.Errorf("left behind: %q", names)
	}
	whole := func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }
	if err := writeFile(path, whole); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(path, half); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	if err := writeFile(path, whole); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if string(text) != "whole" || err != nil || len(list()) != 1 {
		t.Errorf("%q, %v, %q", text, err, list())
	}
	if os.PathSeparator == '/' && info.Mode().Perm() != 0o640 {
		t.Errorf("permissions %v", info.Mode())
	}
}
