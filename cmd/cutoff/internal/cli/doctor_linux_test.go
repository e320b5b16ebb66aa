package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/doctor"
)

func TestDoctorScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/doctor"})
}

// TestDoctorFinds breaks the containment: the child runs outside of the tree
// that is cut off. It is found, counted and ended, and the exit status says so.
func TestDoctorFinds(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	exe := filepath.Join(t.TempDir(), "cutoff") // the test binary plays what it is called
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	o := &doctorOptions{rounds: 2, limit: 100 * time.Millisecond, only: []string{"setsid"}, json: true}
	o.tools = func(_ string, levels []doctor.Level) []doctor.Tool {
		tool := doctor.Ours(exe, levels[0].Level)
		whole := tool.Command
		tool.Command = func(limit time.Duration, record string, child []string) []string {
			script := `"$@" & exec` + shell(whole(limit, record, []string{"sleep", "60"}))
			return append([]string{"sh", "-c", script, "sh"}, child...)
		}
		return []doctor.Tool{tool}
	}
	var out bytes.Buffer
	err = o.run(t.Context(), &out, io.Discard)
	var exit exitError
	if !errors.As(err, &exit) || exit.code != exitFailed || exit.err != nil {
		t.Errorf("got %v, want exit status %d", err, exitFailed)
	}
	var r doctor.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	if len(r.Lines) != 2 || r.Survivors != 8 { // a leader and its child, in two rounds of two cases
		t.Errorf("%d survivors, want 8: %s", r.Survivors, out.Bytes())
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// shell writes a command as sh reads it.
func shell(argv []string) string {
	var b bytes.Buffer
	for _, arg := range argv {
		b.WriteString(" '" + arg + "'")
	}
	return b.String()
}

// TestDoctorInterrupted ends with the status of an interruption.
func TestDoctorInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := &doctorOptions{rounds: 1, limit: time.Second}
	o.tools = func(exe string, levels []doctor.Level) []doctor.Tool {
		cancel()
		return doctorTools(exe, levels)
	}
	var exit exitError
	if err := o.run(ctx, io.Discard, io.Discard); !errors.As(err, &exit) || exit.code != exitInterrupted {
		t.Errorf("got %v", err)
	}
}
