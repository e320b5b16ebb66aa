package readme

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// Everything that the README shows works, and prints what it says.
func TestReadme(t *testing.T) {
	const checkout = "../.."
	if _, err := os.Stat(checkout + "/go.work"); err != nil {
		t.Skip("not in a checkout of the project:", err)
	}
	doc, err := os.ReadFile(checkout + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := Parse(string(doc))
	if err != nil {
		t.Fatal("README.md:", err)
	}
	if len(blocks) == 0 {
		t.Fatal("README.md shows nothing that could be run")
	}
	r, err := NewRunner(t.Context(), checkout, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if b.Skip != "" {
			t.Logf("README.md:%d: skipped: %s", b.Line, b.Skip)
			continue
		}
		if err := r.Run(t.Context(), &b); err != nil {
			t.Errorf("README.md:%d: %v", b.Line, err)
		}
	}
}

func TestParse(t *testing.T) {
	const doc = "# Title\n\nWords.\n\n" +
		"```sh\necho one\necho two\n```\n\nIt prints\n\n<!-- readme: numbers vary -->\n```text\none\ntwo\n```\n\n" +
		"<!-- readme: exit 3 -->\n\n```sh\nexit 3\n```\n\n" +
		"<!-- readme: skip, it takes an hour -->\n```sh\nsleep 3600\n```\n" +
		"````go\npackage p // ```\n````\n" +
		"<!-- readme: skip, a picture -->\n```text\n+--+\n```\n" +
		"<!-- readme: skip, a file's format -->\n```json\n{}\n```\n"
	blocks, err := Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	want := []Block{
		{Line: 6, Kind: "sh", Text: "echo one\necho two\n", Output: &Block{Line: 14, Kind: "text", Text: "one\ntwo\n", Vary: true}},
		{Line: 21, Kind: "sh", Text: "exit 3\n", Exit: 3},
		{Line: 26, Kind: "sh", Text: "sleep 3600\n", Skip: "it takes an hour"},
		{Line: 29, Kind: "go", Text: "package p // ```\n"},
		{Line: 33, Kind: "text", Text: "+--+\n", Skip: "a picture"},
		{Line: 37, Kind: "json", Text: "{}\n", Skip: "a file's format"},
	}
	if len(blocks) != len(want) {
		t.Fatalf("%d blocks, want %d: %+v", len(blocks), len(want), blocks)
	}
	for i, b := range blocks {
		if b.Output != nil && want[i].Output != nil {
			if *b.Output != *want[i].Output {
				t.Errorf("output of block %d is %+v, want %+v", i, *b.Output, *want[i].Output)
			}
			want[i].Output = b.Output
		}
		if b != want[i] {
			t.Errorf("block %d is %+v, want %+v", i, b, want[i])
		}
	}
}

func TestParseErrors(t *testing.T) {
	const fence = "```"
	for _, tt := range []struct{ name, doc, want string }{
		{"no kind", fence + "\nls\n" + fence + "\n", "no rule"},
		{"kind without a rule", fence + "json\n{}\n" + fence + "\n", "no rule"},
		{"no end", fence + "sh\nls\n", "does not end"},
		{"text of nothing", fence + "text\na\n" + fence + "\n", "not what the block before it prints"},
		{"text of another section", "```sh\nls\n```\n\n## Next\n\n```text\na\n```\n", "not what the block before it prints"},
		{"second text", "```sh\nls\n```\n```text\na\n```\n```text\nb\n```\n", "not what the block before it prints"},
		{"skip without a reason", "<!-- readme: skip -->\n```sh\nls\n```\n", "unknown marker"},
		{"unknown marker", "<!-- readme: later, maybe -->\n```sh\nls\n```\n", "unknown marker"},
		{"status that is none", "<!-- readme: exit three -->\n```sh\nls\n```\n", "three"},
		{"status that goes without saying", "<!-- readme: exit 0 -->\n```sh\nls\n```\n", "needs no marker"},
		{"marker before words", "<!-- readme: exit 3 -->\nwords\n```sh\nls\n```\n", "right before"},
		{"marker before a marker", "<!-- readme: exit 3 -->\n<!-- readme: exit 4 -->\n```sh\nls\n```\n", "two markers"},
		{"marker at the end", "words\n<!-- readme: exit 3 -->\n", "right before"},
		{"long marker", "<!-- readme: skip, a\nb -->\n```sh\nls\n```\n", "one line"},
		{"other fence", "~~~sh\nls\n~~~\n", "fenced with"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if blocks, err := Parse(tt.doc); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %+v, %v; want an error with %q", blocks, err, tt.want)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		name, shown, got string
		vary, want       bool
	}{
		{"same", "a\nb\n", "a\nb\n", false, true},
		{"other", "a\nb\n", "a\nc\n", false, false},
		{"more", "a\n", "a\nb\n", false, false},
		{"less", "a\nb\n", "a\n", false, false},
		{"nothing of something", "a\n", "", false, false},
		{"blanks at the ends", "\na\n", "a  \r\n\n", false, true},
		{"no last line feed", "a\n", "a", false, true},
		{"within a line", "took … s\n", "took 1.5 s\n", false, true},
		{"not across lines", "took … s\n", "took 1\n2 s\n", false, false},
		{"lines", "a\n…\nb\n", "a\nx\ny\nb\n", false, true},
		{"no lines", "a\n…\nb\n", "a\nb\n", false, true},
		{"lines, then another end", "a\n…\nb\n", "a\nx\nc\n", false, false},
		{"not an expression", "a.c (x)\n", "abc (x)\n", false, false},
		{"numbers", "2,000 tasks in 12.3 s\n", "2,001 tasks in 9 s\n", true, true},
		{"numbers that stand", "2,000 tasks\n", "2,001 tasks\n", false, false},
		{"numbers vary, words do not", "3 ok\n", "4 failed\n", true, false},
		{"a number is needed", "3 ok\n", " ok\n", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &Block{Text: tt.shown, Vary: tt.vary}
			if got := b.Matches(tt.got); got != tt.want {
				t.Errorf("%q for %q: %v, want %v", tt.got, tt.shown, got, tt.want)
			}
		})
	}
}

// A small document against a small checkout: what is right passes, and each
// way to be wrong is found.
func TestRunner(t *testing.T) {
	checkout := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example.com/m\n\ngo 1.25.0\n",
		"m.go":          "package m\n\n// N is a number.\nconst N = 7\n",
		"secret.txt":    "42\n",
		".tool/big.txt": "not copied\n",
	} {
		write(t, checkout+"/"+name, text)
	}
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "-mod=mod")
	r, err := NewRunner(t.Context(), checkout, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	output := func(text string) *Block { return &Block{Kind: "text", Text: text} }
	const program = "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/m\"\n)\n\nfunc main() { fmt.Println(m.N) }\n"
	for _, tt := range []struct {
		name  string
		block Block
		want  string // part of the error, "" = none
	}{
		{"output of both streams", Block{Kind: "sh", Text: "cat secret.txt; echo e >&2", Output: output("42\ne\n")}, ""},
		{"other output", Block{Kind: "sh", Text: "cat secret.txt", Output: output("43\n")}, "the document shows\n43"},
		{"no output told", Block{Kind: "sh", Text: "echo x"}, ""},
		{"output skipped", Block{Kind: "sh", Text: "echo x", Output: &Block{Text: "y\n", Skip: "why"}}, ""},
		{"failure in the middle", Block{Kind: "sh", Text: "false\necho x\n"}, "exit status 1"},
		{"failure at the end", Block{Kind: "sh", Text: "echo x\nfalse\n"}, "exit status 1"},
		{"unset variable", Block{Kind: "sh", Text: "echo $no_such_variable_is_set\n"}, "exit status 2"},
		{"unclosed quote", Block{Kind: "sh", Text: "echo 'a\nb'\n"}, "exit status 2"},
		{"line that goes on, blank line, comment", Block{Kind: "sh", Text: "echo a \\\n  b\n\n# words\necho c", Output: output("a b\nc\n")}, ""},
		{"wanted status", Block{Kind: "sh", Text: "exit 3", Exit: 3}, ""},
		{"goes on after the wanted status", Block{Kind: "sh", Text: "exit 3\necho x", Exit: 3, Output: output("x\n")}, ""},
		{"wanted status, then a failure", Block{Kind: "sh", Text: "exit 3\nexit 3", Exit: 3}, "exit status 3"},
		{"other status", Block{Kind: "sh", Text: "exit 4", Exit: 3}, "exit status 4"},
		{"success instead", Block{Kind: "sh", Text: "true", Exit: 3}, "no command ended with exit status 3"},
		{"skipped", Block{Kind: "sh", Text: "exit 3", Skip: "why"}, ""},
		{"dot directories stay away", Block{Kind: "sh", Text: "test ! -e .tool"}, ""},
		{"file of one block", Block{Kind: "sh", Text: "echo kept >out.txt"}, ""},
		{"read by the next", Block{Kind: "sh", Text: "cat out.txt", Output: output("kept\n")}, ""},
		{"program", Block{Kind: "go", Text: program, Output: output("7\n")}, ""},
		{"program prints otherwise", Block{Kind: "go", Text: program, Output: output("8\n")}, "the document shows\n8"},
		{"program that does not compile", Block{Kind: "go", Text: strings.Replace(program, "m.N", "m.O", 1)}, "undefined: m.O"},
		{"part of a library", Block{Kind: "go", Text: "package p\n\nimport \"example.com/m\"\n\nvar n = m.N\n"}, ""},
		{"part that does not compile", Block{Kind: "go", Text: "package p\n\nvar n int = \"\"\n"}, "cannot use"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := r.Run(t.Context(), &tt.block)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Run = %v, want an error with %q", err, tt.want)
			}
		})
	}
	if _, err := os.Stat(checkout + "/out.txt"); err == nil {
		t.Error("a block wrote into the checkout itself")
	}
}

// A block that does not end is ended, and what it started with it.
func TestRunnerLimit(t *testing.T) {
	r, err := NewRunner(t.Context(), t.TempDir(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.limit = 100 * time.Millisecond
	err = r.Run(t.Context(), &Block{Kind: "sh", Text: "sleep 1000 & sleep 1000\n"})
	if !errors.Is(err, cutoff.ErrTimeout) {
		t.Errorf("Run = %v, want a timeout", err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(name[:strings.LastIndexByte(name, '/')], 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
