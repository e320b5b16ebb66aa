package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"
	"strings"

	"golang.org/x/term"

	"github.com/cutoff-run/cutoff/batch"
)

// maxLine bounds a line of input, so that a file without line ends cannot take
// all memory.
const maxLine = 16 << 20

// shownText bounds how much of a line a message quotes.
const shownText = 80

// inputError is about one line, or one value, of the input.
type inputError struct {
	place string // "tasks.txt:7"
	text  string
	err   error
}

func (e *inputError) Error() string {
	text := e.text
	if len(text) > shownText {
		text = strings.ToValidUTF8(text[:shownText], "") + "…"
	}
	return fmt.Sprintf("%s: %v: %q", e.place, e.err, text)
}

func (e *inputError) Unwrap() error { return e.err }

// item is one element of the input before it is a task.
type item struct {
	text  string
	place string // for messages; empty for a value of the command line
}

// values is the input of ::: a b c.
func values(list []string) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for i, v := range list {
			if !yield(item{text: v, place: fmt.Sprintf("value %d", i+1)}, nil) {
				return
			}
		}
	}
}

// lines reads r line by line, as far as it is asked for. The line end is taken
// away, a carriage return is not: it may be part of a name.
func lines(r io.Reader, name string) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			it := item{place: fmt.Sprintf("%s:%d", name, n)}
			text, err := readLine(br)
			it.text = string(text)
			switch {
			case err == io.EOF:
				return
			case errors.Is(err, errLongLine):
				err = &inputError{it.place, it.text, err}
			case err != nil:
				err = fmt.Errorf("cannot read %s: %w", name, err)
			}
			if !yield(it, err) || err != nil {
				return
			}
		}
	}
}

var errLongLine = fmt.Errorf("the line is longer than %d MiB", maxLine>>20)

// readLine returns the next line without its end. With errLongLine it returns
// the beginning.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == bufio.ErrBufferFull && len(line) <= maxLine:
		case err == bufio.ErrBufferFull:
			return line, errLongLine
		case err == io.EOF && len(line) > 0:
			return line, nil // the last line, without its end
		case err != nil:
			return nil, err
		default:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		}
	}
}

// tasksOf makes tasks of the items of the input. The first item that makes
// none ends it.
func tasksOf(items iter.Seq2[item, error], parse taskParser) iter.Seq2[batch.Task, error] {
	return func(yield func(batch.Task, error) bool) {
		seq := int64(1)
		for it, err := range items {
			if err != nil {
				yield(batch.Task{}, err)
				return
			}
			task, ok, err := parse(seq, it.text)
			if err != nil {
				yield(batch.Task{}, &inputError{it.place, it.text, err})
				return
			}
			if !ok {
				continue
			}
			task.Place = it.place
			if !yield(task, nil) {
				return
			}
			seq++
		}
	}
}

// templateParser renders t for each line, split into columns by colsep if
// there is one.
func templateParser(t *template, colsep *regexp.Regexp) taskParser {
	return func(seq int64, text string) (batch.Task, bool, error) {
		r := row{seq: seq, cols: []string{text}}
		if colsep != nil {
			r.cols = splitColumns(colsep, text)
		}
		task, err := t.task(r)
		return task, true, err
	}
}

// splitColumns splits a line and, as GNU parallel does, trims the columns.
func splitColumns(colsep *regexp.Regexp, text string) []string {
	cols := colsep.Split(text, -1)
	for i, c := range cols {
		cols[i] = strings.TrimSpace(c)
	}
	return cols
}

// commandParser takes each line as a command of its own. Empty lines are none.
func commandParser(_ int64, text string) (batch.Task, bool, error) {
	if strings.TrimSpace(text) == "" {
		return batch.Task{}, false, nil
	}
	task, err := commandTask(text)
	task.ID = text
	return task, true, err
}

// commandTask makes a task of a command line.
func commandTask(line string) (batch.Task, error) {
	argv, err := parseCommandLine(line)
	if err != nil {
		return batch.Task{}, err
	}
	if argv == nil {
		return batch.Task{Cmd: line}, nil
	}
	return batch.Task{Argv: argv}, nil
}

// source is where the input of a batch comes from.
type source struct {
	items  iter.Seq2[item, error]
	finite bool // all of it is at hand
	// again reads it a second time, beforehand; nil if it can be read once, or
	// is too much to read twice.
	again iter.Seq2[item, error]
	ahead iter.Seq2[batch.Task, error] // the tasks of again
	stdin bool
	// terminal: somebody has to type it.
	terminal bool
	close    func() error
}

// taskParser makes a task of the text of an item, which will have this number;
// false if there is none in it.
type taskParser func(seq int64, text string) (batch.Task, bool, error)

// splitArgs takes the arguments of the command apart: the words of the
// command and the source after ::: or ::::.
func splitArgs(args []string) (command []string, sep string, rest []string, err error) {
	for i, a := range args {
		switch a {
		case ":::+", "::::+":
			return nil, "", nil, usagef("linked sources (%s) are not supported: use --colsep with one source", a)
		case ":::", "::::":
			if sep != "" {
				return nil, "", nil, usagef("several sources (%s after %s) are not supported: give one", a, sep)
			}
			command, sep, rest = args[:i], a, args[i+1:]
		}
	}
	if sep == "" {
		return args, "", nil, nil
	}
	return command, sep, rest, nil
}

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// openSource opens the source that was asked for: values, a file, or stdin.
func openSource(sep string, rest []string, file string, stdin *os.File) (source, error) {
	switch {
	case sep == ":::" && file != "", sep == "::::" && file != "":
		return source{}, usagef("both -a and %s name a source: give one", sep)
	case sep == ":::":
		return source{items: values(rest), again: values(rest), finite: true, close: func() error { return nil }}, nil
	case sep == "::::" && len(rest) != 1:
		return source{}, usagef(":::: takes one file, not %d: join them with cat and read standard input", len(rest))
	case sep == "::::":
		file = rest[0]
	}
	if file == "" || file == "-" {
		terminal := term.IsTerminal(int(stdin.Fd()))
		return source{items: lines(stdin, "stdin"), stdin: true, terminal: terminal, close: func() error { return nil }}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return source{}, usagef("cannot read the task list: %w", err)
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		return source{}, errors.Join(usagef("cannot read the task list: %s is a directory", file), f.Close())
	}
	src := source{items: lines(f, file), close: f.Close}
	if err == nil && st.Mode().IsRegular() && st.Size() <= mostAhead {
		src.again = reopened(file)
	}
	return src, nil
}

// mostAhead is how many bytes of a list are read beforehand, to know how many
// tasks there are: half a second of work.
const mostAhead = 64 << 20

// reopened reads the lines of a file through a descriptor of its own.
func reopened(file string) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		f, err := os.Open(file)
		if err != nil {
			yield(item{}, err)
			return
		}
		defer f.Close()
		lines(f, file)(yield)
	}
}
