// Package examples_test runs the examples as a user would: it builds them
// once, starts them, and looks at what they print.
package examples_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// build builds packages into bin.
func build(t *testing.T, bin string, what ...string) {
	t.Helper()
	args := append([]string{"build", "-o", bin + "/"}, what...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
}

// raceDetector reports whether the test was built with it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func TestExamples(t *testing.T) {
	bin := t.TempDir()
	if raceDetector() {
		build(t, bin, "-race", "./...")
	} else {
		build(t, bin, "./...")
	}
	t.Run("stories", func(t *testing.T) { // these mostly sleep
		for name, story := range map[string]func(*testing.T, string){
			"quickstart": quickstart, "queue": queue, "bestsofar": bestSoFar, "crash": crash,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				story(t, bin)
			})
		}
	})
	t.Run("hopeless", func(t *testing.T) { hopeless(t, bin) })
	t.Run("sat", func(t *testing.T) { sat(t, bin) })
	t.Run("nothing survives", func(t *testing.T) { nothingSurvives(t, bin) })
}

// bound is far above what any example takes.
const bound = time.Minute

// run starts one of the programs and returns what it printed and its exit
// status.
func run(t *testing.T, bin, name string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	cmd.WaitDelay = time.Second
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %v did not end; it printed\n%s%s", name, args, &out, &diagnostics)
	}
	return out.String(), diagnostics.String(), cmd.ProcessState.ExitCode()
}

// runs is run for a program that does well and prints nothing on standard
// error.
func runs(t *testing.T, bin, name string, args ...string) (lines []string) {
	t.Helper()
	stdout, stderr, status := run(t, bin, name, args...)
	if status != 0 || stderr != "" {
		t.Fatalf("%s %v: exit status %d, standard error %q", name, args, status, stderr)
	}
	return strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
}

// Durations beyond the limit are cut off for certain. One below it may be as
// well, on a machine that stands still for long enough.
func quickstart(t *testing.T, bin string) {
	lines := runs(t, bin, "quickstart")
	if len(lines) != 5 {
		t.Errorf("%d lines, want 5: %q", len(lines), lines)
	}
	for _, line := range lines {
		var n int
		var rest string
		if _, err := fmt.Sscanf(strings.ReplaceAll(line, " ", "_"), "duration_=_%d:_%s", &n, &rest); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if rest != "took_too_long" && (n > 5 || rest != fmt.Sprintf("slept_for_%d", n)) {
			t.Errorf("the line %q", line)
		}
	}
}

func queue(t *testing.T, bin string) {
	lines := runs(t, bin, "queue")
	last := lines[len(lines)-1]
	slices.Sort(lines) // the jobs end in any order
	want := []string{
		"3 jobs discarded, 2 slots as before",
		"discarded: job 1: cutoff: took too long: stopped at its limit of 500ms",
		"discarded: job 3: cutoff: took too long: stopped at its limit of 500ms",
		"discarded: job 4: cutoff: took too long: stopped at its limit of 500ms",
		"job 0: 2 lines",
		"job 2: 1 lines",
		"job 5: 3 lines",
		"job 6: 1 lines",
		"job 7: 2 lines",
	}
	if !slices.Equal(lines, want) || last != want[0] {
		t.Errorf("the lines are %q, want %q", lines, want)
	}
}

func bestSoFar(t *testing.T, bin string) {
	out := strings.Join(runs(t, bin, "bestsofar"), "\n")
	var random, short, long float64
	if _, err := fmt.Sscanf(out, "at random: a tour of %f\nwithin 100ms: a tour of %f\nwithin 1s: a tour of %f", &random, &short, &long); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if long <= 0 || long >= random || short > random {
		t.Errorf("no better with time: %q", out)
	}
}

func crash(t *testing.T, bin string) {
	want := []string{
		"panics: cutoff: crashed: panic: runtime error: index out of range [7] with length 3 in parseDocument",
		"works: fine",
		"panics in a goroutine: cutoff: crashed: panic: nobody can recover this one",
		"races on a map: cutoff: crashed: fatal error: concurrent map writes",
		"exits: cutoff: crashed: the worker ended with exit status 3 in the middle of the call",
		"returns an error: failed: reading the head: unexpected EOF",
		"works: fine",
	}
	lines := runs(t, bin, "crash")
	if !slices.EqualFunc(lines, want, strings.HasPrefix) {
		t.Errorf("the lines are %q, want %q", lines, want)
	}
}

// What it finds is the subject of its own test; here it is a program.
func hopeless(t *testing.T, bin string) {
	stdout, _, status := run(t, bin, "hopeless", "--pdfs", "20", "--regexps", "2", "--limit", "2s")
	if status != 0 || !strings.HasPrefix(stdout, "22 tasks in ") || !strings.Contains(stdout, "regexp: 1 in 2 cut off, ") {
		t.Errorf("exit status %d\n%s", status, stdout)
	}
	if _, stderr, status := run(t, bin, "hopeless", "--pdfs", "-1"); status != 1 || !strings.Contains(stderr, "--help") {
		t.Errorf("after a mistake: exit status %d, standard error %q", status, stderr)
	}
}

// The formulas of this test are done within milliseconds, or not before
// everybody has gone home.
func sat(t *testing.T, bin string) {
	build(t, bin, "github.com/cutoff-run/cutoff/cmd/cutoff")
	dir := t.TempDir()
	if lines := runs(t, bin, "sat", "generate", dir, "--seed", "1"); lines[0] != "" {
		t.Errorf("generate printed %q", lines)
	}
	quick := []string{"pigeons-04", "pigeons-06", "random-050-1", "random-050-2", "random-050-3", "random-050-4"}
	endless := []string{"pigeons-14", "pigeons-16"}
	solvers := map[string]string{"sat": filepath.Join(bin, "sat") + " solve {}"}
	if _, err := exec.LookPath("minisat"); err == nil {
		solvers["minisat"] = "./sat/minisat.sh {}"
	} else {
		t.Log("minisat is not installed: only the solver in Go is run")
	}
	answers := map[string]string{}
	for name, command := range solvers {
		args := []string{"batch", "-t", "2s", "-j", "2", "--keep-order", command, ":::"}
		for _, f := range slices.Concat(quick, endless) {
			args = append(args, filepath.Join(dir, f+".cnf"))
		}
		stdout, stderr, status := run(t, bin, "cutoff", args...)
		verdict := regexp.MustCompile(`8 tasks in .*: 6 ok, 2 cut off \(\d\d\.\d % of the time\), 0 failed`)
		if status != 3 || !verdict.MatchString(stderr) {
			t.Errorf("%s: exit status %d, standard error\n%s", name, status, stderr)
		}
		for _, f := range endless {
			if !strings.Contains(stderr, f) {
				t.Errorf("%s: %s is not told as cut off:\n%s", name, f, stderr)
			}
		}
		answers[name] = strings.Join(regexp.MustCompile(`(?m)^(UN)?SATISFIABLE$`).FindAllString(stdout, -1), " ")
		if !strings.HasPrefix(answers[name], "UNSATISFIABLE UNSATISFIABLE ") || strings.Count(answers[name], " ") != 5 {
			t.Errorf("%s: the answers are %s", name, answers[name])
		}
	}
	if m, ok := answers["minisat"]; ok && m != answers["sat"] {
		t.Errorf("the solvers do not agree: %q", answers)
	}
}

// nothingSurvives gives what is about to end a moment: the keeper, which sees
// the end of a program before it goes itself.
func nothingSurvives(t *testing.T, bin string) {
	var left []string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if left = running(t, bin); len(left) == 0 {
			return
		}
	}
	t.Errorf("processes that outlived their example: %v", left)
}

// running lists the processes whose program is in bin (Linux only).
func running(t *testing.T, bin string) (left []string) {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, exe := range procs {
		if to, err := os.Readlink(exe); err == nil && strings.HasPrefix(to, bin+"/") {
			left = append(left, filepath.Dir(exe)+" "+to)
		}
	}
	return left
}
