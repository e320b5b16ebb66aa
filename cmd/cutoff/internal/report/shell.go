package report

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/cutoff-run/cutoff/journal"
)

// shellLine returns what to type into a shell to run a task again, on one line
// and of printable characters only. It is empty for a function. What the list
// gave the task beside its command (variables, standard input) is not in the
// journal, so it is not here either.
func shellLine(t *journal.Task) string {
	var line string
	switch {
	case t.Cmd != "":
		line = "sh -c " + shellWord(t.Cmd)
	case len(t.Argv) > 0:
		words := make([]string, len(t.Argv))
		for i, w := range t.Argv {
			words[i] = shellWord(w)
		}
		line = strings.Join(words, " ")
	default:
		return ""
	}
	if t.Dir != "" {
		line = "cd " + shellWord(t.Dir) + " && " + line
	}
	return line
}

// plainWord matches what needs no quotes in any shell. A word with an equals
// sign would be an assignment, were it the first.
var plainWord = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_@%+:,./-]+$`)
})

// shellWord quotes a word. What cannot be typed or would act on a terminal is
// written in the $'…' of bash, zsh and ksh.
func shellWord(w string) string {
	if plainWord().MatchString(w) {
		return w
	}
	typeable := utf8.ValidString(w) && !strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsPrint(r) })
	if typeable {
		return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for len(w) > 0 {
		r, n := utf8.DecodeRuneInString(w)
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == utf8.RuneError && n == 1, !unicode.IsPrint(r):
			for _, c := range []byte(w[:n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		default:
			b.WriteString(w[:n])
		}
		w = w[n:]
	}
	b.WriteString("'")
	return b.String()
}
