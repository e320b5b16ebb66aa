package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// byteOrderMark is what some programs begin a text with.
const byteOrderMark = "\ufeff"

// readCSV reads the first record of a CSV file, which names the columns, and
// returns what yields the others as they are asked for. A record is RFC 4180's:
// fields may be quoted, and have commas and lines in them then.
func readCSV(r io.Reader, name string) (names []string, rows iter.Seq2[item, error], err error) {
	cr := csv.NewReader(r) // which takes as many fields as the first record has
	if names, err = cr.Read(); err != nil {
		return nil, nil, headerError(name, err)
	}
	if names, err = checkNames(names, name); err != nil {
		return nil, nil, err
	}
	return names, func(yield func(item, error) bool) {
		for {
			cols, err := cr.Read()
			if err == io.EOF {
				return
			}
			it := item{text: strings.Join(cols, ","), cols: cols}
			var bad *csv.ParseError
			switch {
			case errors.As(err, &bad):
				it.place, it.err, err = fmt.Sprintf("%s:%d", name, bad.StartLine), columnError(bad, len(cols), len(names)), nil
			case err != nil:
				err = fmt.Errorf("cannot read %s: %w", name, err)
			default:
				line, _ := cr.FieldPos(0)
				it.place = fmt.Sprintf("%s:%d", name, line)
			}
			if !yield(it, err) || err != nil {
				return
			}
		}
	}, nil
}

// columnError is what is wrong with a record.
func columnError(bad *csv.ParseError, got, want int) error {
	if errors.Is(bad, csv.ErrFieldCount) {
		return fmt.Errorf("%d columns, and the first line has %d", got, want)
	}
	return bad.Err
}

// readTSV does the same for lines whose columns are parted by tabs, and never
// quoted.
func readTSV(r io.Reader, name string) (names []string, rows iter.Seq2[item, error], err error) {
	in := newLineReader(r, name, '\n')
	first, err := in.next()
	if err != nil {
		return nil, nil, headerError(name, err)
	}
	if names, err = checkNames(tabbed(first.text), name); err != nil {
		return nil, nil, err
	}
	return names, func(yield func(item, error) bool) {
		for it, err := range in.all {
			if it.cols = tabbed(it.text); len(it.cols) != len(names) {
				it.err = fmt.Errorf("%d columns, and the first line has %d", len(it.cols), len(names))
			}
			if !yield(it, err) {
				return
			}
		}
	}, nil
}

func tabbed(line string) []string { return strings.Split(strings.TrimSuffix(line, "\r"), "\t") }

func headerError(name string, err error) error {
	if err == io.EOF {
		return usagef("%s is empty: its first line has to name the columns", name)
	}
	return usagef("cannot read the names of the columns: %s: %w", name, err)
}

// checkNames refuses names that could not tell columns apart.
func checkNames(names []string, file string) ([]string, error) {
	names[0] = strings.TrimPrefix(names[0], byteOrderMark)
	for i, n := range names {
		if n != "" && slices.Contains(names[:i], n) {
			return nil, usagef("%s: two columns are called %s", file, quote(n))
		}
	}
	return names, nil
}

// nameRE matches what may name a column in a command: a word in braces, and
// which part of the value is meant.
var nameRE = lazily(`\{([^{}\s]+?)(/\.|//|/|\.|)\}`)

// wordRE matches a name that nobody writes in braces for another reason.
var wordRE = lazily(`^[A-Za-z_][A-Za-z0-9_]*$`)

// numberColumns puts the number of a column in the place of its name: {size.}
// becomes {2.}.
func numberColumns(words, names []string) ([]string, error) {
	out := make([]string, len(words))
	for i, w := range words {
		var unknown string
		out[i] = nameRE().ReplaceAllStringFunc(w, func(match string) string {
			m := nameRE().FindStringSubmatch(match)
			switch n := slices.Index(names, m[1]); {
			case tokenRE().FindString(match) == match:
			case n >= 0:
				return "{" + strconv.Itoa(n+1) + m[2] + "}"
			case wordRE().MatchString(m[1]):
				unknown = m[1]
			}
			return match
		})
		if unknown != "" {
			return nil, usagef("no column is called %s: there are %s", unknown, strings.Join(names, ", "))
		}
	}
	return out, nil
}
