package cli

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/cutoff-run/cutoff/batch"
)

// rendered is the task of a command for one row.
func rendered(t *testing.T, words []string, cols ...string) batch.Task {
	t.Helper()
	tmpl, err := compile(words)
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	task, err := tmpl.task(row{seq: 7, cols: cols})
	if err != nil {
		t.Fatalf("%q of %q: %v", words, cols, err)
	}
	return task
}

var partNames = []string{
	"a/b.c.d", "x", "/y", ".hid", "d/.hid", "a/b/", "a.b/c", "d/x.", "..", "/", "//", "/a/", "//a", "a//b", "a/b//",
	"./x", "../y.", ".a.b", "...", "a.", "", "a/.b/c", "a b.c d", "it's.x", "$(touch pwned).c", "\\.\\", "-n.c", "ä.ö", "a\tb.c",
}

func TestParts(t *testing.T) {
	for _, c := range []struct{ value, noExt, base, dir, baseNoExt string }{
		{"a/b.c.d", "a/b.c", "b.c.d", "a", "b.c"},
		{".hid", "", ".hid", ".", ""},
		{"a.b/c", "a.b/c", "c", "a.b", "c"},
		{"a/b/", "a/b/", "", "a", ""},
		{"/y", "/y", "y", "/", "y"},
		{"", "", "", ".", ""},
	} {
		got := rendered(t, []string{"x", "{.}", "{/}", "{//}", "{/.}"}, c.value).Argv
		if want := []string{"x", c.noExt, c.base, c.dir, c.baseNoExt}; !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", c.value, got, want)
		}
	}
}

// TestPartsAsParallel asks GNU parallel itself, where it is installed.
func TestPartsAsParallel(t *testing.T) {
	parallel, err := exec.LookPath("parallel")
	if err != nil {
		t.Skip("GNU parallel is not installed")
	}
	words := []string{"echo", "{}", "{.}", "{/}", "{//}", "{/.}", "{#}", "{1}", "{1.}", "{1/}", "{1//}", "{1/.}", "x{}y"}
	args := append(append([]string{"--dry-run", "-k"}, words...), ":::")
	cmd := exec.Command(parallel, append(args, partNames...)...)
	cmd.Env = append(cmd.Environ(), "PARALLEL_HOME="+t.TempDir(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("GNU parallel does not run here: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(partNames) {
		t.Fatalf("%d lines of %d values: %s", len(lines), len(partNames), out)
	}
	tmpl, err := compile(words)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range partNames {
		task, err := tmpl.task(row{seq: int64(i + 1), cols: []string{v}})
		if err != nil {
			t.Fatal(err)
		}
		if want := fields(t, lines[i]); !slices.Equal(task.Argv, want) {
			t.Errorf("%q: %q, GNU parallel has %q", v, task.Argv, want)
		}
	}
}

// fields is what a shell makes of a line without expansions.
func fields(t *testing.T, line string) []string {
	t.Helper()
	file, err := syntax.NewParser().Parse(strings.NewReader(line), "")
	if err != nil || len(file.Stmts) != 1 {
		t.Fatalf("%q: %v", line, err)
	}
	words, err := expand.Fields(nil, file.Stmts[0].Cmd.(*syntax.CallExpr).Args...)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return words
}

func TestRender(t *testing.T) {
	for _, c := range []struct {
		name    string
		command []string
		cols    []string
		argv    []string
		cmd     string
	}{
		{"a plain line runs without a shell", []string{"echo {} -x"}, []string{"a b"}, []string{"echo", "a b", "-x"}, ""},
		{"{} is appended", []string{"wc -l"}, []string{"a b"}, []string{"wc", "-l", "a b"}, ""},
		{"{} is appended to words", []string{"wc", "-l"}, []string{"a b"}, []string{"wc", "-l", "a b"}, ""},
		{"{} is appended to a pipe", []string{"ls | wc"}, []string{"-l"}, nil, "ls | wc '-l'"},
		{"a number alone is a replacement word too", []string{"echo {#}"}, []string{"a"}, []string{"echo", "7"}, ""},
		{"quotes in the line", []string{`echo "a  {}" 'b  {}' c\ d`}, []string{"'"}, []string{"echo", "a  '", "b  '", "c d"}, ""},
		{"an escaped glob is none", []string{`ls \* {}`}, []string{"x"}, []string{"ls", "*", "x"}, ""},
		{"words are taken as they are", []string{"grep", "a|b$", "*", "{}"}, []string{"x"}, []string{"grep", "a|b$", "*", "x"}, ""},
		{"an empty value is an argument", []string{"echo {}"}, []string{""}, []string{"echo", ""}, ""},
		{"the command itself", []string{"{} x"}, []string{"A=b"}, []string{"A=b", "x"}, ""},
		{"columns", []string{"cmp {2} {1.} {1/}"}, []string{"d/a.b", "c"}, []string{"cmp", "c", "d/a", "a.b"}, ""},
		{"all columns", []string{"echo {} x{}y"}, []string{"a b", "c"}, []string{"echo", "a b", "c", "xa b", "cy"}, ""},
		{"all columns in quotes", []string{`echo "{}"`}, []string{"a b", "c"}, []string{"echo", "a b c"}, ""},
		{"all columns for the shell", []string{`echo {} "{}" | cat`}, []string{"a b", "c"}, nil, `echo 'a b' 'c' ""'a b c'"" | cat`},
		{"a value is not searched for words", []string{"echo {}"}, []string{"{#}{}"}, []string{"echo", "{#}{}"}, ""},
		{"all columns where one word belongs", []string{"X={} env > {}"}, []string{"a", "b"}, nil, "X='a b' env > 'a b'"},
		{"all columns in a loop", []string{"for i in {}; do ls; done"}, []string{"a", "b"}, nil, "for i in 'a' 'b'; do ls; done"},
		{"a redirection", []string{"sort {} > {.}.out"}, []string{"a b.c"}, nil, "sort 'a b.c' > 'a b'.out"},
		{"a variable", []string{`echo "$HOME/{}"`}, []string{"it's"}, nil, `echo "$HOME/"'it'"'"'s'""`},
		{"a glob", []string{"ls {}/*.c"}, []string{"*"}, nil, "ls '*'/*.c"},
		{"a builtin", []string{"exec {}"}, []string{"a"}, nil, "exec 'a'"},
		{"a tilde", []string{"ls ~ {}"}, []string{"~"}, nil, "ls ~ '~'"},
		{"an assignment", []string{"A={} env"}, []string{"a b"}, nil, "A='a b' env"},
		{"a list", []string{"a {}; b {#}"}, []string{"x"}, nil, "a 'x'; b '7'"},
		{"the background", []string{"a {} &"}, []string{"x"}, nil, "a 'x' &"},
		{"a negation", []string{"! a {}"}, []string{"x"}, nil, "! a 'x'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			task := rendered(t, c.command, c.cols...)
			if !slices.Equal(task.Argv, c.argv) || task.Cmd != c.cmd {
				t.Errorf("argv %q, cmd %q; want %q, %q", task.Argv, task.Cmd, c.argv, c.cmd)
			}
			if id := strings.Join(c.cols, " "); task.ID != id {
				t.Errorf("id %q, want %q", task.ID, id)
			}
		})
	}
}

func TestRefusedTemplates(t *testing.T) {
	for _, c := range []struct {
		command []string
		want    string
	}{
		{[]string{""}, ""}, // {} is appended: the value is the command
		{[]string{"echo `wc {}`"}, "no file name is safe"},
		{[]string{"echo $(( {} + 1 ))"}, "no file name is safe"},
		{[]string{"echo ${X:-{}}"}, "no file name is safe"},
		{[]string{"echo ${}"}, "no file name is safe"},
		{[]string{`echo \{}`}, "no file name is safe"},
		{[]string{`echo "\{}" | cat`}, "no file name is safe"},
		{[]string{`echo '\{}' | cat`}, "no file name is safe"},
		{[]string{`echo \\{} | cat`}, ""},
		{[]string{"echo # {}"}, "no file name is safe"},
		{[]string{"echo #"}, "no file name is safe"},
		{[]string{"{}() { ls; }"}, "no file name is safe"},
		{[]string{"for {} in a; do ls; done"}, "no file name is safe"},
		{[]string{"echo $'{}'"}, "no file name is safe"},
		{[]string{`echo $'\'' {} '$''`}, "no file name is safe"},
		{[]string{`echo $"{}"`}, "no file name is safe"},
		{[]string{"(({}))"}, "no file name is safe"},
		{[]string{"( (ls {}) )"}, ""},
		{[]string{"cat <<E\n{}\nE\n"}, "here-document"},
		{[]string{"cat <<E; ls {}\nx\nE\n"}, "here-document"},
		{[]string{"echo 'x {}"}, "not valid for the shell"},
		{[]string{"if {}"}, "not valid for the shell"},
		{[]string{"echo {%}"}, "{%} is not supported"},
		{[]string{"echo {0}"}, "columns count from 1"},
		{[]string{"echo {99999999999999999999}"}, "columns count from 1"},
		{[]string{"echo {} \u0080; ls"}, "not UTF-8"},
		{[]string{"echo {} \u0081\n ls"}, "not UTF-8"},
		{[]string{"echo {} \xff"}, "not UTF-8"},
		{[]string{"echo {}\r\n"}, "carriage return"},
		{[]string{"echo", "\u0080\xff", "{}"}, ""},
		{[]string{"sh -c 'ls {}'"}, "run as code"},
		{[]string{"sh", "-c", "ls {}"}, "run as code"},
		{[]string{"sh", "-c"}, "run as code"}, // {} is appended
		{[]string{"sh", "-c", "ls"}, ""},
		{[]string{"/bin/bash -euo pipefail -c 'ls {}'"}, "run as code"},
		{[]string{"bash --rcfile x -c {}"}, "run as code"},
		{[]string{"nice -n 5 env A=b dash -ec {}"}, "run as code"},
		{[]string{"ls | sh -c {}"}, "run as code"},
		{[]string{"echo $(sh -c {})"}, "run as code"},
		{[]string{"find . -exec sh -c 'ls {}' \\;"}, "run as code"},
		{[]string{"eval ls {}"}, "run as code"},
		{[]string{"command eval ls {}"}, "run as code"},
		{[]string{"trap 'rm {}' EXIT; ls"}, "run as code"},
		{[]string{"[[ {} -eq 1 ]]"}, "run as code"},
		{[]string{"python3.11 -c {}"}, "run as code"},
		{[]string{"perl -ne 's/{}//'"}, "run as code"},
		{[]string{"node --eval={}"}, "run as code"},
		{[]string{"su me -c 'ls {}'"}, "run as code"},
		{[]string{`sh -c 'ls "$1"' sh {}`}, ""},
		{[]string{"python run.py -c {}"}, ""},
		{[]string{"sh script.sh -c {}"}, ""},
		{[]string{"perl script {}"}, ""},
		{[]string{"ls sh {}"}, ""},
	} {
		_, err := compile(c.command)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.command, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: error %v, want %q", c.command, err, c.want)
		}
	}
}

func TestRowErrors(t *testing.T) {
	for _, c := range []struct {
		command string
		cols    []string
		want    string
	}{
		{"echo {2}", []string{"a"}, "asks for column 2, and there are 1"},
		{"echo {2} | cat", []string{"a"}, "asks for column 2, and there are 1"},
		{"echo {}", []string{"a\x00b"}, "NUL"},
		{"echo {1}", []string{"a", "\x00"}, "NUL"},
		{"{} x", []string{""}, "name of the command is empty"},
	} {
		tmpl, err := compile([]string{c.command})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tmpl.task(row{1, c.cols}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q of %q: error %v, want %q", c.command, c.cols, err, c.want)
		}
	}
}
