package cli

import (
	"errors"
	"io"
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
