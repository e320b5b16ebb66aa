package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// hostile are values that break what can be broken. Each of them would make
// the file pwned if it were run.
var hostile = []string{
	"$(touch pwned)", "`touch pwned`", "'; touch pwned; '", `"; touch pwned; "`, "; touch pwned", "& touch pwned", "| touch pwned",
	"\ntouch pwned\n", "a\nE\ntouch pwned", "${x:-$(touch pwned)}", "$((a[$(touch pwned)]))", "a[$(touch pwned)]", "$'\\'; touch pwned; '",
	"'$(touch pwned)'", `\$(touch pwned)`, `\`, `\\`, `\'; touch pwned; \'`, `'\''; touch pwned; '\''`, `"'"; touch pwned; "'"`,
	") touch pwned; (", "} touch pwned {", ";; *) touch pwned ;; esac", "> pwned", "x> pwned", "<(touch pwned)", "-n", "--", "", " ", "a b", "a  b",
	"\t", "\r", "a\r\nb", "*", "?", "[a]", "~", "~root", "#x", "!x", "!!", "{a,b}", "{}", "{#}", "=x", "A=b", "%s%n", "\x01\x1b[31m", "\xff\xfe",
	"\x81'; touch pwned; '", "日本語", "if", "$HOME", "$1", "$@", "\\\n", "'", `"`, "`", "$", "CUTOFFVALUE0Z", "a\u0080b\u0081c",
}

// places are command lines that print the value, each in angle brackets.
var places = []string{
	`printf '<%s>' {} | cat`,
	`printf '<%s>' "{}" | cat`,
	`printf '<%s>' '{}' | cat`,
	`printf '<%s>' ""{}'' | cat`,
	`X={}; printf '<%s>' "$X"`,
	`X="{}" sh -c 'printf "<%s>" "$X"'`,
	`export X={}; printf '<%s>' "$X"`,
	`case {} in {}) printf '<%s>' {};; *) printf no;; esac`,
	`for i in {}; do printf '<%s>' "$i"; done`,
	`f() { printf '<%s>' {}; }; f other`,
	`set -- one two; shift; printf '<%s>' {}`,
	`if [ -n x{} ]; then printf '<%s>' {}; fi`,
	`{ printf '<%s>' {}; } 2>/dev/null`,
	`(printf '<%s>' {})`,
	`printf '<%s>' "$(printf '%s' {}; printf .)" | sed '$s/\.>$/>/'`,
	`printf '<%s>' "$(printf '%s' "$(printf '%s' "{}")"; printf .)" | sed '$s/\.>$/>/'`,
	`printf '<%s>' {} && : || printf no`,
	`while printf '<%s>' {}; do break; done`,
	`eval 'printf "<%s>" "$1"' >/dev/null; printf '<%s>' {} # a comment`,
}

// TestHostileValues runs every hostile value in every place through the real
// shell, and without one.
func TestHostileValues(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh")
	}
	dir := t.TempDir()
	for _, line := range append(places, `printf '<%s>' {}`, `printf "<%s>" "{}"`) {
		tmpl, err := compile([]string{line})
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		tasks := tasksOf(values(hostile), templateParser(tmpl, nil), false)
		want := make([]string, len(hostile))
		for i, v := range hostile {
			want[i] = "<" + v + ">"
		}
		if strings.Contains(line, "$(printf") {
			trailingNewlines(want)
		}
		checkOutputs(t, dir, line, tasksIn(tasks, dir), want)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("a value has been run: %v, %v", entries, err)
	}
}

// trailingNewlines is for command substitution inside another: it takes away
// the newlines at the end of a value, as it does with any text.
func trailingNewlines(want []string) {
	for i, w := range want {
		want[i] = "<" + strings.TrimRight(w[1:len(w)-1], "\n") + ">"
	}
}

func tasksIn(tasks func(func(batch.Task, error) bool), dir string) func(func(batch.Task, error) bool) {
	return func(yield func(batch.Task, error) bool) {
		for task, err := range tasks {
			task.Dir = dir
			if !yield(task, err) {
				return
			}
		}
	}
}

func checkOutputs(t *testing.T, dir, line string, tasks func(func(batch.Task, error) bool), want []string) {
	t.Helper()
	var out, errOut bytes.Buffer
	got := make([]string, len(want))
	sum, err := batch.Run(t.Context(), batch.CommandRunner{}, tasks, batch.Options{
		Stdout: &out, Stderr: &errOut, KeepOrder: true, Slots: 1,
		OnEvent: func(e batch.Event) {
			if e.Kind == batch.Ended {
				got[e.Attempt.Seq-1] = out.String()
				out.Reset()
			}
		},
	})
	if err != nil || sum.Outcomes[cutoff.OK] != int64(len(want)) {
		t.Errorf("%s: %v, %v, %s", line, err, sum.Outcomes, errOut.String())
	}
	for i := range want {
		g := got[i]
		if strings.Contains(line, `"$(printf '%s' {}; printf .)"`) {
			g = "<" + strings.TrimRight(strings.TrimSuffix(strings.TrimPrefix(g, "<"), ">"), "\n") + ">"
		}
		if g != want[i] {
			t.Errorf("%s of %q: %q, want %q", line, hostile[i], got[i], want[i])
		}
	}
}

// FuzzTemplate renders any command line with any value. Whatever is accepted
// must mean the same with every value: the shell sees the same program, and
// the value as it is.
func FuzzTemplate(f *testing.F) {
	for i, line := range places {
		f.Add(line, hostile[i%len(hostile)])
	}
	for _, line := range []string{"echo {}", "a {.} {/} {//} {/.} {#} {1} {2}", "`{}`", "$(({}))", "${a:-{}}", "\\{}", "#{}", "<<E\n{}\nE", "$'{}'", "'", "{}", "((", "case"} {
		for _, v := range []string{"'; touch pwned; '", "a\nb", ""} {
			f.Add(line, v)
		}
	}
	f.Fuzz(func(t *testing.T, line, value string) {
		tmpl, err := compile([]string{line})
		if err != nil {
			return
		}
		cols := []string{value, "x"}
		if tmpl.cols > len(cols) {
			return
		}
		task, err := tmpl.task(row{seq: 1, cols: cols})
		if err != nil {
			return
		}
		if task.Cmd == "" {
			checkWithoutShell(t, tmpl, task.Argv, cols)
			return
		}
		harmless, err := tmpl.task(row{seq: 1, cols: []string{"x", "x"}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := shape(t, task.Cmd), shape(t, harmless.Cmd); !slices.Equal(got, want) {
			t.Errorf("%q of %q: %q\nis another program than\n%q:\n%v\n%v", line, value, task.Cmd, harmless.Cmd, got, want)
		}
	})
}

// shape is the structure of a program without what its quotes contain.
func shape(t *testing.T, script string) []string {
	t.Helper()
	file, err := parseShell(plain(script))
	if err != nil {
		t.Fatalf("%q: %v", script, err)
	}
	var out []string
	var visit func(n syntax.Node) bool
	visit = func(n syntax.Node) bool {
		switch n := n.(type) {
		case nil, *syntax.SglQuoted:
		case *syntax.DblQuoted:
			for _, p := range n.Parts {
				if _, text := p.(*syntax.Lit); !text {
					syntax.Walk(p, visit)
				}
			}
			return false
		case *syntax.Lit:
			out = append(out, "literal "+n.Value)
		default:
			out = append(out, fmt.Sprintf("%T", n))
		}
		return true
	}
	syntax.Walk(file, visit)
	return out
}

// plain replaces what the parser does not take as a shell does.
func plain(s string) string {
	return strings.NewReplacer("\r", "?", "\u0080", "?", "\u0081", "?").Replace(strings.ToValidUTF8(s, "?"))
}

// checkWithoutShell holds the words against what a shell would make of them:
// each word quoted as it would have to be.
func checkWithoutShell(t *testing.T, tmpl *template, argv, cols []string) {
	t.Helper()
	words := make([]string, len(argv))
	for i, w := range argv {
		argv[i] = plain(w)
		words[i] = shellQuote(argv[i])
	}
	file, err := parseShell(strings.Join(words, " "))
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	if len(file.Stmts) != 1 {
		t.Fatalf("%q is not one command", words)
	}
	got, err := expand.Fields(nil, file.Stmts[0].Cmd.(*syntax.CallExpr).Args...)
	if err != nil || !slices.Equal(got, argv) {
		t.Errorf("%q: %q, %v", words, got, err)
	}
	n := 0
	for _, w := range tmpl.words {
		n++
		for _, p := range w.pieces {
			if p.tok != nil && !p.tok.seq && p.tok.col == 0 && !w.one {
				n += len(cols) - 1
			}
		}
	}
	if len(argv) != n {
		t.Errorf("%d words, want %d: %q", len(argv), n, argv)
	}
}
