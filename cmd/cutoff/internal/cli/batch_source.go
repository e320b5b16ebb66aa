package cli

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/cutoff-run/cutoff/batch"
)

// inputFlags say where the input of a batch comes from, and in which form.
type inputFlags struct {
	file   string
	globs  []string
	null   bool
	csv    bool
	tsv    bool
	colsep string
	jsonl  bool
	onBad  string
}

func (f *inputFlags) check() error {
	forms := 0
	for _, on := range []bool{f.csv, f.tsv, f.jsonl, f.colsep != ""} {
		if on {
			forms++
		}
	}
	switch {
	case f.onBad != "stop" && f.onBad != "skip":
		return usagef("--on-bad-input %s: use stop or skip", quote(f.onBad))
	case forms > 1:
		return usagef("--csv, --tsv, --jsonl and --colsep each say what a line is: give one")
	case f.null && (f.csv || f.tsv):
		return usagef("-0 says how lines end, and so do --csv and --tsv: give one")
	}
	return nil
}

// source is where the input of a batch comes from.
type source struct {
	items  iter.Seq2[item, error]
	names  []string // of the columns, if they have any
	finite bool     // all of it is at hand
	// again reads it a second time, beforehand; nil if it can be read once, or
	// is too much to read twice.
	again iter.Seq2[item, error]
	ahead iter.Seq2[batch.Task, error] // the tasks of again
	stdin bool
	// terminal: somebody has to type it.
	terminal bool
	close    func() error
}

// group is a source of the command line: what follows :::, ::::, :::+ or ::::+.
type group struct {
	sep   string
	words []string
}

func (g *group) files() bool  { return strings.HasPrefix(g.sep, "::::") }
func (g *group) linked() bool { return strings.HasSuffix(g.sep, "+") }

// splitArgs takes the arguments of the command apart: the words of the command
// and the sources behind it. Several files of one :::: are a source each, as in
// GNU parallel.
func splitArgs(args []string) (command []string, groups []group, err error) {
	command = args
	for i, a := range args {
		switch a {
		case ":::", "::::", ":::+", "::::+":
			if len(groups) == 0 {
				command = args[:i]
			}
			groups = append(groups, group{sep: a})
		default:
			if n := len(groups); n > 0 {
				groups[n-1].words = append(groups[n-1].words, a)
			}
		}
	}
	var each []group
	for _, g := range groups {
		if !g.files() {
			each = append(each, g)
			continue
		}
		if len(g.words) == 0 {
			return nil, nil, usagef("%s takes a file", g.sep)
		}
		for _, w := range g.words {
			each = append(each, group{g.sep, []string{w}})
		}
	}
	if len(each) > 0 && each[0].linked() {
		return nil, nil, usagef("%s links a source to the one before it, and there is none", each[0].sep)
	}
	return command, each, nil
}

// open opens what was asked for: the sources of the command line, a file, or
// standard input.
func (f *inputFlags) open(groups []group, stdin *os.File) (source, error) {
	named := f.csv || f.tsv
	switch {
	case len(groups) > 0 && f.file != "":
		return source{}, usagef("both -a and %s name a source: give one", groups[0].sep)
	case len(groups) > 1 && (named || f.jsonl || f.colsep != ""):
		return source{}, usagef("several sources make the columns of the command: --csv, --tsv, --jsonl and --colsep are about one")
	case len(groups) > 1:
		return f.combine(groups, stdin)
	case len(groups) == 1 && !groups[0].files() && (named || f.null):
		return source{}, usagef("--csv, --tsv and -0 are about a file or standard input, and not about the values of :::")
	case len(groups) == 1 && !groups[0].files():
		all := values(groups[0].words)
		return source{items: all, again: all, finite: true, close: func() error { return nil }}, nil
	}
	name := f.file
	if len(groups) == 1 {
		name = groups[0].words[0]
	}
	return f.openFile(name, stdin)
}

// matches makes a source of the files that each --glob matches, in the order of
// their names. The shell would do it as well, but for so many that no command
// line holds them.
func (f *inputFlags) matches() (groups []group, err error) {
	for _, pattern := range f.globs {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return nil, usagef("--glob %s: %w", quote(pattern), err)
		}
		if len(names) == 0 {
			return nil, usagef("--glob %s: no file matches; quote the pattern, or the shell expands it", quote(pattern))
		}
		groups = append(groups, group{":::", names})
	}
	return groups, nil
}

// openFile opens a file, or standard input, to be read as tasks start.
func (f *inputFlags) openFile(name string, stdin *os.File) (src source, err error) {
	src.close = func() error { return nil }
	file := stdin
	if name == "" || name == "-" {
		name, src.stdin, src.terminal = "stdin", true, term.IsTerminal(int(stdin.Fd()))
	} else if file, err = openList(name); err != nil {
		return source{}, err
	} else {
		src.close = file.Close
	}
	if src.names, src.items, err = f.read(file, name); err != nil {
		return source{}, errors.Join(err, src.close())
	}
	if st, err := file.Stat(); !src.stdin && err == nil && st.Mode().IsRegular() && st.Size() <= mostAhead {
		src.again = f.reopened(name)
	}
	return src, nil
}

// read reads the items of a file, as they are asked for.
func (f *inputFlags) read(file io.Reader, name string) (names []string, items iter.Seq2[item, error], err error) {
	switch {
	case f.csv:
		return readCSV(file, name)
	case f.tsv:
		return readTSV(file, name)
	}
	return nil, lines(file, name, f.lineEnd()), nil
}

// mostAhead is how many bytes of a list are read beforehand, to know how many
// tasks there are: half a second of work.
const mostAhead = 64 << 20

// reopened reads the items of a file through a descriptor of its own.
func (f *inputFlags) reopened(name string) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		file, err := os.Open(name)
		if err != nil {
			yield(item{}, err)
			return
		}
		defer file.Close()
		_, items, err := f.read(file, name)
		if err != nil {
			yield(item{}, err)
			return
		}
		items(yield)
	}
}

func openList(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usagef("cannot read the task list: %w", err)
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, errors.Join(usagef("cannot read the task list: %s is a directory", name), f.Close())
	}
	return f, nil
}

func (f *inputFlags) lineEnd() byte {
	if f.null {
		return 0
	}
	return '\n'
}

// combine makes one source of several: every value of one with every value of
// the others, the last fastest; those that are linked side by side. All values
// are read first, their combinations are made as tasks start.
func (f *inputFlags) combine(groups []group, stdin *os.File) (source, error) {
	src := source{finite: true, close: func() error { return nil }}
	var blocks [][][]string // of columns that are linked
	for _, g := range groups {
		column := g.words
		if g.files() {
			src.finite = false
			src.stdin = src.stdin || g.words[0] == "-"
			var err error
			if column, err = f.readAll(g.words[0], stdin); err != nil {
				return source{}, err
			}
		}
		if !g.linked() {
			blocks = append(blocks, [][]string{column})
			continue
		}
		last := blocks[len(blocks)-1]
		if n := len(last[0]); n != len(column) {
			return source{}, usagef("%s links %d values to %d: there must be as many", g.sep, len(column), n)
		}
		blocks[len(blocks)-1] = append(last, column)
	}
	src.items = combinations(blocks)
	if count(blocks) > maxCounted {
		src.finite = false
		return src, nil
	}
	src.again = src.items
	return src, nil
}

// maxCounted is how many combinations are thought to be at hand: of more than
// these a batch that ends early leaves the rest unread.
const maxCounted = 1 << 16

// count returns how many combinations there are, or something above maxCounted.
func count(blocks [][][]string) int {
	n := 1
	for _, b := range blocks {
		if n *= len(b[0]); n > maxCounted {
			return n
		}
	}
	return n
}

// readAll returns the lines of a file.
func (f *inputFlags) readAll(name string, stdin *os.File) (all []string, err error) {
	var r io.Reader = stdin
	if name != "-" {
		file, err := openList(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		r = file
	}
	for it, err := range lines(r, name, f.lineEnd()) {
		if err != nil {
			return nil, usageError{err}
		}
		all = append(all, it.text)
	}
	return all, nil
}

// combinations yields the rows that blocks of columns make.
func combinations(blocks [][][]string) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		at := make([]int, len(blocks))
		for _, b := range blocks {
			if len(b[0]) == 0 {
				return
			}
		}
		for n := 1; ; n++ {
			var cols []string
			for i, b := range blocks {
				for _, column := range b {
					cols = append(cols, column[at[i]])
				}
			}
			it := item{text: strings.Join(cols, " "), cols: cols, place: fmt.Sprintf("combination %d", n)}
			if !yield(it, nil) || !advance(at, blocks) {
				return
			}
		}
	}
}

// advance moves on to the next combination; false behind the last.
func advance(at []int, blocks [][][]string) bool {
	for i := len(at) - 1; i >= 0; i-- {
		if at[i]++; at[i] < len(blocks[i][0]) {
			return true
		}
		at[i] = 0
	}
	return false
}
