package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"

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
	cols  []string // if its source has parted it; nil: it is one text
	place string   // for messages
	err   error    // what is wrong with this one alone
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
// away, a carriage return is not: it may be part of a name. Where lines end with
// something else, that is end.
func lines(r io.Reader, name string, end byte) iter.Seq2[item, error] {
	return newLineReader(r, name, end).all
}

// lineReader reads items line by line.
type lineReader struct {
	r    *bufio.Reader
	name string // of the file, for messages
	end  byte
	n    int // lines read
}

func newLineReader(r io.Reader, name string, end byte) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), name: name, end: end}
}

// all yields what is left; an error is the last.
func (l *lineReader) all(yield func(item, error) bool) {
	for {
		it, err := l.next()
		if err == io.EOF || !yield(it, err) || err != nil {
			return
		}
	}
}

// next returns the next line, or io.EOF behind the last.
func (l *lineReader) next() (item, error) {
	l.n++
	it := item{place: fmt.Sprintf("%s:%d", l.name, l.n)}
	text, err := readLine(l.r, l.end)
	it.text = string(text)
	switch {
	case errors.Is(err, errLongLine):
		err = &inputError{it.place, it.text, err}
	case err != nil && err != io.EOF:
		err = fmt.Errorf("cannot read %s: %w", l.name, err)
	}
	return it, err
}

var errLongLine = fmt.Errorf("the line is longer than %d MiB", maxLine>>20)

// readLine returns the next line without its end. With errLongLine it returns
// the beginning.
func readLine(br *bufio.Reader, end byte) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice(end)
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
			return line[:len(line)-1], nil
		}
	}
}

// tasksOf makes tasks of the items of the input. The first item that makes
// none ends it, or, with skip, becomes a task that cannot run.
func tasksOf(items iter.Seq2[item, error], parse taskParser, skip bool) iter.Seq2[batch.Task, error] {
	return func(yield func(batch.Task, error) bool) {
		seq := int64(1)
		for it, err := range items {
			if err != nil {
				yield(batch.Task{}, err)
				return
			}
			task, ok, err := batch.Task{}, true, it.err
			if err == nil {
				task, ok, err = parse(seq, it)
			}
			if err != nil {
				bad := &inputError{it.place, it.text, err}
				if !skip {
					yield(batch.Task{}, bad)
					return
				}
				task, ok = badTask(bad), true
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

// badTask stands in the journal for an item that makes no task: with its text
// in the place of a command.
func badTask(bad *inputError) batch.Task {
	const kept = 4 << 10
	text := bad.text[:min(len(bad.text), kept)]
	return batch.Task{ID: text, Argv: []string{text}, Invalid: bad}
}

// templateParser renders t for each line, split into columns by colsep if
// there is one.
func templateParser(t *template, colsep *regexp.Regexp) taskParser {
	return func(seq int64, it item) (batch.Task, bool, error) {
		r := row{seq: seq, cols: it.cols}
		switch {
		case r.cols != nil:
		case colsep != nil:
			r.cols = splitColumns(colsep, it.text)
		default:
			r.cols = []string{it.text}
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

// taskParser makes a task of an item, which will have this number; false if
// there is none in it.
type taskParser func(seq int64, it item) (batch.Task, bool, error)

// ofText is a taskParser that looks at the text alone.
func ofText(parse func(seq int64, text string) (batch.Task, bool, error)) taskParser {
	return func(seq int64, it item) (batch.Task, bool, error) { return parse(seq, it.text) }
}

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
