package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/cutoff-run/cutoff/batch"
)

// A template is the command of a batch with replacement words. It is compiled
// once and rendered for each row of the input.
//
// It has two forms. A command of plain words is rendered to an argument vector
// and runs without a shell; no value is ever parsed. A command that needs the
// shell is rendered to a command line in which every value is quoted for the
// place where it stands (batch_shell.go); where no quoting is safe, compiling
// fails.
type template struct {
	words  []wordTemplate // of a command without a shell
	script []scriptPart   // of one with
	cols   int            // the highest column asked for
}

// row is one line of input, split into columns.
type row struct {
	seq  int64
	cols []string // at least one
}

// token is a replacement word.
type token struct {
	seq  bool   // {#}
	col  int    // {2}: the column, from 1; 0 is the whole row
	form string // "", ".", "/", "//" or "/.": which part of the value
}

// tokenRE matches the replacement words of GNU parallel that we have, and {%},
// which we do not have and which must not pass for text.
var tokenRE = lazily(`\{(?:#|%|([0-9]*)(/\.|//|/|\.|))\}`)

// lazily compiles a pattern at its first use: most commands start without any.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// piece is a stretch of text or a token.
type piece struct {
	text string
	tok  *token
}

// split takes text apart at its replacement words.
func split(text string) ([]piece, error) {
	var out []piece
	at := 0
	for _, m := range tokenRE().FindAllStringSubmatchIndex(text, -1) {
		word := text[m[0]:m[1]]
		tok := token{seq: word == "{#}"}
		if word == "{%}" {
			return nil, errors.New("the replacement word {%} is not supported")
		}
		if !tok.seq {
			tok.form = text[m[4]:m[5]]
			if number := text[m[2]:m[3]]; number != "" {
				n, err := strconv.Atoi(number)
				if err != nil || n == 0 {
					return nil, fmt.Errorf("the replacement word %s: columns count from 1", word)
				}
				tok.col = n
			}
		}
		out = append(out, piece{text: text[at:m[0]]}, piece{text: word, tok: &tok})
		at = m[1]
	}
	return append(out, piece{text: text[at:]}), nil
}

func hasToken(pieces []piece) bool {
	for _, p := range pieces {
		if p.tok != nil {
			return true
		}
	}
	return false
}

// compile makes a template of the command as it was given: as one word, which
// is a command line, or as several, which are the words of a command and never
// need a shell. A command without a replacement word gets {} appended.
func compile(words []string) (*template, error) {
	tokens := false
	for _, w := range words {
		pieces, err := split(w)
		if err != nil {
			return nil, err
		}
		tokens = tokens || hasToken(pieces)
	}
	if len(words) == 1 {
		line := words[0]
		if !tokens {
			line += " {}"
		}
		return compileLine(line)
	}
	if !tokens {
		words = append(words[:len(words):len(words)], "{}")
	}
	return compileWords(words)
}

// compileWords makes a template of words that are taken as they are.
func compileWords(words []string) (*template, error) {
	var t template
	marked := make([]bool, len(words))
	for i, w := range words {
		pieces, err := split(w)
		if err != nil {
			return nil, err
		}
		marked[i] = hasToken(pieces)
		t.words = append(t.words, wordTemplate{pieces: pieces, one: w != "{}"})
	}
	if i := codeWord(words, func(i int) bool { return marked[i] }); i >= 0 {
		return nil, codeError(words[i])
	}
	t.count()
	return &t, nil
}

// count finds the highest column that is asked for.
func (t *template) count() {
	for _, w := range t.words {
		for _, p := range w.pieces {
			if p.tok != nil {
				t.cols = max(t.cols, p.tok.col)
			}
		}
	}
	for _, p := range t.script {
		if p.tok != nil {
			t.cols = max(t.cols, p.tok.col)
		}
	}
}

// task renders the template for a row.
func (t *template) task(r row) (batch.Task, error) {
	if t.cols > len(r.cols) {
		return batch.Task{}, fmt.Errorf("the command asks for column %d, and there are %d", t.cols, len(r.cols))
	}
	for _, c := range r.cols {
		if strings.IndexByte(c, 0) >= 0 {
			return batch.Task{}, errors.New("a command cannot have a NUL byte in an argument")
		}
	}
	task := batch.Task{ID: strings.Join(r.cols, " ")}
	if t.script != nil {
		task.Cmd = renderScript(t.script, r)
		return task, nil
	}
	for _, w := range t.words {
		task.Argv = w.render(task.Argv, r)
	}
	if task.Argv[0] == "" {
		return batch.Task{}, errors.New("the name of the command is empty")
	}
	return task, nil
}

// wordTemplate is one word of a command.
type wordTemplate struct {
	pieces []piece
	one    bool // several columns in it stay one word
}

// render appends the word, or the words that {} makes of several columns.
func (w wordTemplate) render(argv []string, r row) []string {
	var cur strings.Builder
	for _, p := range w.pieces {
		if p.tok == nil {
			cur.WriteString(p.text)
			continue
		}
		values := p.tok.values(r)
		if w.one {
			values = []string{strings.Join(values, " ")}
		}
		for i, v := range values {
			if i > 0 {
				argv = append(argv, cur.String())
				cur.Reset()
			}
			cur.WriteString(v)
		}
	}
	return append(argv, cur.String())
}

// values returns what a token stands for: one value, or one for each column.
func (t *token) values(r row) []string {
	switch {
	case t.seq:
		return []string{strconv.FormatInt(r.seq, 10)}
	case t.col > 0:
		return []string{part(t.form, r.cols[t.col-1])}
	}
	out := make([]string, len(r.cols))
	for i, c := range r.cols {
		out[i] = part(t.form, c)
	}
	return out
}

// part returns the part of a value that a form stands for, as GNU parallel
// does: of "a/b.c" "." is "a/b", "/" is "b.c", "//" is "a", "/." is "b".
func part(form, v string) string {
	switch form {
	case ".":
		return withoutExtension(v)
	case "/":
		return v[strings.LastIndexByte(v, '/')+1:]
	case "/.":
		return withoutExtension(part("/", v))
	case "//":
		return directory(v)
	}
	return v
}

func withoutExtension(v string) string {
	if dot := strings.LastIndexByte(v, '.'); dot > strings.LastIndexByte(v, '/') {
		return v[:dot]
	}
	return v
}

// directory is dirname(1), which is not path.Dir: it cleans nothing away.
func directory(v string) string {
	trimmed := strings.TrimRight(v, "/")
	if trimmed == "" {
		if v == "" {
			return "."
		}
		return "/"
	}
	slash := strings.LastIndexByte(trimmed, '/')
	if slash < 0 {
		return "."
	}
	if dir := strings.TrimRight(trimmed[:slash], "/"); dir != "" {
		return dir
	}
	return "/"
}
