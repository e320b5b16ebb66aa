package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

// How a value gets into a command line for the shell.
//
// The command line is parsed with a marker in the place of each replacement
// word, as the POSIX shell that will run it parses it. The syntax tree then
// says for each marker in which kind of place it stands:
//
//	listed    echo x{}y        the value in single quotes:     echo x'v'y
//	bare      X=x{}y           the same:                       X=x'v'y
//	double    echo "x{}y"      the same between the quotes:    echo "x"'v'"y"
//	single    echo 'x{}y'      likewise:                       echo 'x''v''y'
//
// Single quotes are the one form in which the shell looks at nothing. Several
// columns become several words where a list of words stands, and one word with
// spaces elsewhere: as X='a' 'b' the second would be run. Every
// other place is refused: names, arithmetic, ${…}, `…`, comments, behind a
// backslash, and here-documents altogether. So is a word that is a program for
// sh -c and the like, where no quoting of ours helps.

type place int

const (
	nowhere place = iota // no safe place
	listed
	bare
	double
	single
)

// scriptPart is a stretch of a command line, or a token and its place.
type scriptPart struct {
	piece
	place place
}

// markers stand for the tokens of a text while it is parsed.
type markers struct {
	stem   string
	places []place
}

// compileLine makes a template of a command line.
func compileLine(line string) (*template, error) {
	pieces, err := split(line)
	if err != nil {
		return nil, err
	}
	m := newMarkers(pieces)
	file, err := parseShell(m.text(pieces))
	if err != nil {
		return nil, shellError(m.restore(err.Error(), pieces))
	}
	if len(file.Stmts) == 0 {
		return nil, errors.New("the command is empty")
	}
	if err := m.inspect(file, pieces); err != nil {
		return nil, err
	}
	t := &template{}
	if words := simpleCommand(file); words != nil {
		for _, w := range words {
			t.words = append(t.words, m.wordTemplates(w, pieces))
		}
	} else {
		i := 0
		for _, p := range pieces {
			part := scriptPart{piece: p}
			if p.tok != nil {
				part.place = m.places[i]
				i++
			}
			t.script = append(t.script, part)
		}
	}
	t.count()
	return t, nil
}

// parseCommandLine takes a whole command line without replacement words: it
// returns the words of a simple command, or nil if it needs the shell.
func parseCommandLine(line string) ([]string, error) {
	if !parsable(line) && strings.IndexByte(line, 0) < 0 {
		return nil, nil // sh takes it as it is
	}
	file, err := parseShell(line)
	if err != nil {
		return nil, shellError(err.Error())
	}
	if len(file.Stmts) == 0 {
		return nil, errors.New("the command is empty")
	}
	var argv []string
	for _, w := range simpleCommand(file) {
		argv = append(argv, literal(w))
	}
	if len(argv) > 0 && argv[0] == "" {
		return nil, errors.New("the name of the command is empty")
	}
	return argv, nil
}

// parsable reports whether the parser can read text as a shell does, which
// takes any byte: the parser takes UTF-8 alone, a carriage return for part of
// the line's end, and the characters U+0080 and U+0081 for its own marks of
// the end and of a line that goes on.
func parsable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsAny(text, "\r\u0080\u0081")
}

func parseShell(text string) (*syntax.File, error) {
	switch {
	case strings.IndexByte(text, 0) >= 0:
		return nil, errors.New("a command cannot have a NUL byte")
	case !parsable(text):
		return nil, errors.New("it has bytes that are not UTF-8, a carriage return or another control character (give it as several arguments instead of one)")
	}
	return syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), "")
}

func shellError(what string) error {
	return fmt.Errorf("the command is not valid for the shell (sh): %s", what)
}

// renderScript returns the command line for a row.
func renderScript(parts []scriptPart, r row) string {
	var b strings.Builder
	for _, p := range parts {
		if p.tok == nil {
			b.WriteString(p.text)
			continue
		}
		values := p.tok.values(r)
		switch p.place {
		case listed:
			for i, v := range values {
				if i > 0 {
					b.WriteByte(' ')
				}
				b.WriteString(shellQuote(v))
			}
		case bare:
			b.WriteString(shellQuote(strings.Join(values, " ")))
		case double:
			b.WriteString(`"` + shellQuote(strings.Join(values, " ")) + `"`)
		case single:
			b.WriteString(`'` + shellQuote(strings.Join(values, " ")) + `'`)
		}
	}
	return b.String()
}

// shellQuote puts a value into single quotes, whatever it contains. (syntax.Quote
// has no form for control characters in a POSIX shell.)
func shellQuote(v string) string {
	return "'" + strings.ReplaceAll(v, "'", `'"'"'`) + "'"
}

// newMarkers finds a stem that does not occur in the text. Markers are made of
// letters and digits alone, so that they are part of whatever they stand in.
func newMarkers(pieces []piece) *markers {
	m := &markers{stem: "CUTOFFVALUE"}
	for _, p := range pieces {
		for p.tok == nil && strings.Contains(p.text, m.stem) {
			m.stem += "X"
		}
		if p.tok != nil {
			m.places = append(m.places, nowhere)
		}
	}
	return m
}

// marker returns that of token number i; no marker is the beginning of another.
func (m *markers) marker(i int) string { return fmt.Sprintf("%s%dZ", m.stem, i) }

func (m *markers) text(pieces []piece) string {
	var b strings.Builder
	i := 0
	for _, p := range pieces {
		if p.tok == nil {
			b.WriteString(p.text)
			continue
		}
		b.WriteString(m.marker(i))
		i++
	}
	return b.String()
}

// restore puts the tokens back into a text for a message.
func (m *markers) restore(text string, pieces []piece) string {
	i := 0
	for _, p := range pieces {
		if p.tok != nil {
			text = strings.ReplaceAll(text, m.marker(i), p.text)
			i++
		}
	}
	return text
}

// inspect finds the place of each token and refuses what is not safe.
func (m *markers) inspect(file *syntax.File, pieces []piece) error {
	var refused error
	inList := map[*syntax.Word]bool{}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Word:
			in := bare
			if inList[n] {
				in = listed
			}
			m.findIn(n.Parts, in)
		case *syntax.WordIter:
			for _, w := range n.Items {
				inList[w] = true
			}
		case *syntax.CallExpr:
			for _, w := range n.Args {
				inList[w] = true
			}
			if err := m.checkCode(n.Args, pieces); err != nil && refused == nil {
				refused = err
			}
		case *syntax.Redirect:
			if n.Hdoc != nil && refused == nil {
				refused = errors.New("a command with replacement words cannot have a here-document: put it into a script")
			}
		case *syntax.CmdSubst:
			return !n.Backquotes
		case *syntax.Subshell:
			return !isArithmetic(n)
		case *syntax.ArithmExp, *syntax.ArithmCmd, *syntax.ParamExp, *syntax.ArrayExpr, *syntax.ProcSubst, *syntax.ExtGlob:
			return false // what is in there is no place for a value
		}
		return true
	})
	if refused != nil {
		return refused
	}
	i := 0
	for k, p := range pieces {
		if p.tok == nil {
			continue
		}
		if m.places[i] == nowhere {
			return fmt.Errorf("no file name is safe in the place of %s in: %s (it can stand in a word, in \"…\", in '…' and in $(…), but not in a name, ${…}, $((…)), `…`, $'…', a comment or behind a backslash)",
				p.text, around(pieces, k))
		}
		i++
	}
	return nil
}

// isArithmetic reports whether a subshell begins with ((, which is arithmetic
// where sh is bash.
func isArithmetic(n *syntax.Subshell) bool {
	if len(n.Stmts) == 0 {
		return false
	}
	inner, ok := n.Stmts[0].Cmd.(*syntax.Subshell)
	return ok && inner.Lparen.Offset() == n.Lparen.Offset()+1
}

// findIn notes the places of the markers in the parts of a word. Where sh is
// bash, $'…' is a quote with backslashes: such a word has no safe place.
func (m *markers) findIn(parts []syntax.WordPart, in place) {
	for i, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			if in != double && i+1 < len(parts) && strings.HasSuffix(p.Value, "$") {
				return
			}
			m.note(p.Value, in)
		case *syntax.SglQuoted:
			m.note(p.Value, single)
		case *syntax.DblQuoted:
			m.findIn(p.Parts, double)
		}
	}
}

// note notes the markers in a literal. Behind a backslash there is no place:
// it would take away the meaning of the quote that we put there.
func (m *markers) note(text string, in place) {
	for i := range m.places {
		before, _, ok := strings.Cut(text, m.marker(i))
		if !ok {
			continue
		}
		if backslashes := len(before) - len(strings.TrimRight(before, `\`)); backslashes%2 == 0 {
			m.places[i] = in
		}
	}
}

// around is the text near a token, for a message.
func around(pieces []piece, k int) string {
	const most = 20
	before, after := pieces[k-1].text, pieces[k+1].text
	if len(before) > most {
		before = "…" + before[len(before)-most:]
	}
	return progress.OneLine(before+pieces[k].text+after, 3*most)
}

// simpleCommand returns the words of a command that needs no shell: one
// command of literal words that names a program. Otherwise it returns nil.
func simpleCommand(file *syntax.File) []*syntax.Word {
	if len(file.Stmts) != 1 {
		return nil
	}
	st := file.Stmts[0]
	call, ok := st.Cmd.(*syntax.CallExpr)
	if !ok || st.Negated || st.Background || st.Coprocess || len(st.Redirs) > 0 || len(call.Assigns) > 0 || len(call.Args) == 0 {
		return nil
	}
	for _, w := range call.Args {
		if !isLiteral(w) {
			return nil
		}
	}
	if slices.Contains(builtins, literal(call.Args[0])) {
		return nil
	}
	return call.Args
}

// builtins are the commands of a POSIX shell that are no programs, or mean
// something else as programs.
var builtins = []string{
	".", ":", "alias", "bg", "break", "cd", "command", "continue", "eval", "exec", "exit", "export", "fc", "fg",
	"getopts", "hash", "jobs", "local", "read", "readonly", "return", "set", "shift", "source", "times", "trap",
	"type", "ulimit", "umask", "unalias", "unset", "wait",
}

// isLiteral reports whether the shell would change nothing in a word but take
// its quotes away.
func isLiteral(w *syntax.Word) bool {
	for i, p := range w.Parts {
		switch p := p.(type) {
		case *syntax.Lit:
			if i == 0 && strings.HasPrefix(p.Value, "~") || hasGlob(p.Value) {
				return false
			}
		case *syntax.SglQuoted:
			if p.Dollar {
				return false
			}
		case *syntax.DblQuoted:
			if p.Dollar {
				return false
			}
			for _, q := range p.Parts {
				if _, ok := q.(*syntax.Lit); !ok {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

// hasGlob reports whether an unquoted literal has a character that the shell
// would match against files. One behind a backslash is none.
func hasGlob(lit string) bool {
	for i := 0; i < len(lit); i++ {
		switch lit[i] {
		case '\\':
			i++
		case '*', '?', '[', '$':
			return true
		}
	}
	return false
}

// literal returns a word without its quotes. isLiteral holds for it.
func literal(w *syntax.Word) string {
	var b strings.Builder
	for _, p := range w.Parts {
		b.WriteString(literalPart(p))
	}
	return b.String()
}

func literalPart(p syntax.WordPart) string {
	switch p := p.(type) {
	case *syntax.Lit:
		return unescape(p.Value, "")
	case *syntax.SglQuoted:
		return p.Value
	case *syntax.DblQuoted:
		var b strings.Builder
		for _, q := range p.Parts {
			if lit, ok := q.(*syntax.Lit); ok {
				b.WriteString(unescape(lit.Value, "$`\"\\"))
			}
		}
		return b.String()
	}
	return ""
}

// unescape takes away the backslashes that quote a character of special, or
// any character if special is empty.
func unescape(lit, special string) string {
	var b strings.Builder
	for i := 0; i < len(lit); i++ {
		if lit[i] == '\\' && i+1 < len(lit) && (special == "" || strings.IndexByte(special, lit[i+1]) >= 0) {
			i++
		}
		b.WriteByte(lit[i])
	}
	return b.String()
}

// wordTemplates makes a template of a literal word with markers.
func (m *markers) wordTemplates(w *syntax.Word, pieces []piece) wordTemplate {
	text := literal(w)
	t := wordTemplate{}
	i := 0
	for _, p := range pieces {
		if p.tok == nil {
			continue
		}
		before, after, ok := strings.Cut(text, m.marker(i))
		if ok {
			t.pieces = append(t.pieces, piece{text: before}, p)
			t.one = t.one || m.places[i] != listed
			text = after
		}
		i++
	}
	t.pieces = append(t.pieces, piece{text: text})
	return t
}
