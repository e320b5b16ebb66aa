package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

// Words that are code: of sh -c 'echo {}' the shell of that name parses the
// value again, and no quoting of ours would survive. Such commands are
// refused. The usual interpreters are known; a program of another kind that
// runs its arguments, such as ssh or awk, cannot be told from one that does
// not.

// checkCode refuses a token in a word that is code for an interpreter.
func (m *markers) checkCode(args []*syntax.Word, pieces []piece) error {
	words := make([]string, len(args))
	for i, w := range args {
		words[i] = literal(w)
	}
	marked := func(i int) bool { return strings.Contains(printed(args[i]), m.stem) }
	if i := codeWord(words, marked); i >= 0 {
		return codeError(m.restore(printed(args[i]), pieces))
	}
	return nil
}

// printed is the source of a word.
func printed(w *syntax.Word) string {
	var b strings.Builder
	_ = syntax.NewPrinter().Print(&b, w) // to a Builder: cannot fail
	return b.String()
}

func codeError(word string) error {
	return fmt.Errorf("in the word %s a value would be run as code, and a file name could do anything: hand it over as an argument, as in sh -c 'wc -l \"$1\"' sh {} (to run each line of the input as a command, give no command)",
		progress.OneLine(word, shownText))
}

// codeBuiltins are the commands of a shell that parse or evaluate their
// arguments, those of a bash that is called sh included.
var codeBuiltins = []string{"eval", "trap", "alias", "let", "[[", "unset", "read", "declare", "typeset", "local"}

// interpreter is a program with options that take code.
type interpreter struct {
	code     string // the letters of these options
	arg      string // the letters of options whose next word is an argument
	anywhere bool   // the options may stand behind other words
}

var (
	aShell = interpreter{code: "c", arg: "oO"}
	aTool  = interpreter{code: "c", anywhere: true}
)

var interpreters = map[string]interpreter{
	"sh": aShell, "bash": aShell, "dash": aShell, "ash": aShell, "zsh": aShell, "ksh": aShell, "mksh": aShell,
	"fish": aShell, "csh": aShell, "tcsh": aShell,
	"su": aTool, "runuser": aTool, "script": aTool, "flock": aTool,
	"python": {code: "c", arg: "WX"}, "perl": {code: "eE", arg: "I"}, "ruby": {code: "e", arg: "IrEC"},
	"node": {code: "ep", arg: "r"}, "php": {code: "r", arg: "dc"}, "lua": {code: "e", arg: "l"},
}

// codeOptions are the long options that take code.
var codeOptions = []string{"--command", "--session-command", "--eval", "--print", "--run"}

// codeWord returns the index of a word that is code for an interpreter
// somewhere in the command and that is marked, -1 if there is none.
func codeWord(words []string, marked func(int) bool) int {
	if len(words) > 1 && words[0] == "command" {
		if k := codeWord(words[1:], func(i int) bool { return marked(i + 1) }); k >= 0 {
			return k + 1
		}
		return -1
	}
	for i, w := range words {
		if i == 0 && slices.Contains(codeBuiltins, w) {
			for k := 1; k < len(words); k++ {
				if marked(k) {
					return k
				}
			}
		}
		in, ok := interpreters[strings.TrimRight(path.Base(w), "0123456789.")]
		if !ok {
			continue
		}
		if k := in.codeOf(words, i+1, marked); k >= 0 {
			return k
		}
	}
	return -1
}

// codeOf looks at the words behind the interpreter's name, from word i on. The
// code is in the option's own word or in the next that is no option.
func (in interpreter) codeOf(words []string, i int, marked func(int) bool) int {
	code := false
	for ; i < len(words); i++ {
		w := words[i]
		switch {
		case len(w) < 2 || w[0] != '-' && w[0] != '+':
			if code && marked(i) {
				return i
			}
			if !in.anywhere || code {
				return -1
			}
		case in.takesCode(w):
			code = true
			if marked(i) {
				return i
			}
		case !strings.HasPrefix(w, "--") && strings.IndexByte(in.arg, w[len(w)-1]) >= 0, w == "--rcfile", w == "--init-file":
			i++
		}
	}
	return -1
}

func (in interpreter) takesCode(option string) bool {
	if strings.HasPrefix(option, "--") {
		name, _, _ := strings.Cut(option, "=")
		return slices.Contains(codeOptions, name)
	}
	return strings.ContainsAny(option, in.code)
}
