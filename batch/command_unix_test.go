//go:build unix

package batch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/batch/batchtest"
)

func TestCommandRunner(t *testing.T) {
	batchtest.Run(t, batch.CommandRunner{}, batchtest.Tasks{
		OK:      helperTask("ok"),
		Fail:    helperTask("fail"),
		Crash:   helperTask("crash"),
		Hang:    helperTask("hang"),
		Missing: batch.Task{Argv: []string{"/nonexistent/command"}},
	})
}

// runOne runs a task by itself and returns its standard output.
func runOne(t *testing.T, r batch.CommandRunner, task batch.Task) (string, cutoff.Result, error) {
	t.Helper()
	var out, errOut bytes.Buffer
	res, err := r.Run(t.Context(), batch.Attempt{Task: task, Stdout: &out, Stderr: &errOut})
	return out.String(), res, err
}

func TestCommandInput(t *testing.T) {
	cat, env, dir := helperTask("cat"), helperTask("env"), helperTask("dir")
	catText := cat
	catText.Stdin = []byte("text")
	env.Env = append(env.Env, "GREETING=hello")
	dir.Dir = "/"
	for _, c := range []struct {
		name string
		task batch.Task
		want string
	}{
		{"no stdin is the end of the file", cat, ""},
		{"stdin", catText, "text"},
		{"env is added", env, "hello true\n"},
		{"dir", dir, "/\n"},
		{"a command line runs in a shell", batch.Task{Cmd: `printf '%s' "a  b" | tr a-z A-Z`}, "A  B"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, res, err := runOne(t, batch.CommandRunner{}, c.task)
			if err != nil || res.Outcome != cutoff.OK || got != c.want {
				t.Errorf("got %q, %v, %v; want %q", got, res.Outcome, err, c.want)
			}
		})
	}
}

func TestCommandResources(t *testing.T) {
	r := batch.CommandRunner{Resources: cutoff.Resources{NoFile: 88, NoCore: true, CPUs: []int{0}}}
	const show = `ulimit -n; ulimit -c; grep Cpus_allowed_list /proc/self/status`
	for want, own := range map[string]cutoff.Resources{
		"88\n0\nCpus_allowed_list:\t0\n": {},
		"66\n0\nCpus_allowed_list:\t0\n": {NoFile: 66},
	} {
		if got, _, err := runOne(t, r, batch.Task{Cmd: show, Resources: own}); err != nil || got != want {
			t.Errorf("a task with %+v: %q, %v, want %q", own, got, err, want)
		}
	}
}

// TestCommandTempDirs shows that each attempt finds an empty directory of its own
// under a name of its own, which is gone afterwards, whatever the ones before did.
func TestCommandTempDirs(t *testing.T) {
	root := t.TempDir()
	r := batch.CommandRunner{TempDirs: batch.NewTempDirs(root)}
	seen := map[string]bool{}
	for i := range 12 {
		use := []string{"", `; >"$CUTOFF_TMPDIR/file"`, `; chmod 0 "$CUTOFF_TMPDIR"`, "; exit 1"}[i%4]
		out, _, err := runOne(t, r, batch.Task{Cmd: `echo "$CUTOFF_TMPDIR"; ls -A "$CUTOFF_TMPDIR"` + use})
		if failed := i%4 == 3; failed != (err != nil) {
			t.Fatal(err)
		}
		dir := strings.TrimSuffix(out, "\n")
		if filepath.Dir(dir) != root || seen[dir] {
			t.Errorf("attempt %d got %q, after %v", i, out, seen)
		}
		seen[dir] = true
		if _, err := os.Lstat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}

func TestCommandBaseEnv(t *testing.T) {
	env := helperTask("env")
	got, _, err := runOne(t, batch.CommandRunner{Env: []string{"GREETING=base"}}, env)
	if err != nil || got != "base false\n" {
		t.Errorf("got %q, %v: the runner's environment must replace this process's", got, err)
	}
}

func TestCommandWithoutWork(t *testing.T) {
	for _, task := range []batch.Task{{}, {Argv: []string{"true"}, Cmd: "true"}} {
		_, res, err := runOne(t, batch.CommandRunner{}, task)
		if res.Outcome != cutoff.NotStarted || err == nil || !strings.Contains(err.Error(), "exactly one of Argv and Cmd") {
			t.Errorf("%+v: %v, %v; want notstarted and a reason", task, res.Outcome, err)
		}
	}
}
