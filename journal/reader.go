package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// LineError is about one line: a foreign one (not written by this package), or
// the torn last one of a writer that died in the middle of a write.
type LineError struct {
	Line int    // its number, from 1
	Text string // its text, at most its first 200 bytes
	Torn bool   // it is the last line and incomplete
	Err  error  // what is wrong with it
}

// Error implements error.
func (e *LineError) Error() string {
	if e.Torn {
		return fmt.Sprintf("line %d is torn, the writer died while writing it: %q", e.Line, e.Text)
	}
	return fmt.Sprintf("line %d is no journal record (%v): %q", e.Line, e.Err, e.Text)
}

// Unwrap returns Err.
func (e *LineError) Unwrap() error { return e.Err }

// VersionError says that a journal needs a newer reader.
type VersionError struct {
	Major, Minor int    // of the journal
	Program      string // that wrote it
}

// Error implements error.
func (e *VersionError) Error() string {
	by := ""
	if e.Program != "" {
		by = " by " + e.Program
	}
	return fmt.Sprintf("written%s in format %d.%d, and this program reads up to %d: use a newer one", by, e.Major, e.Minor, Major)
}

// shownText bounds LineError.Text.
const shownText = 200

// Read returns the records of a journal in their order, with memory for one
// at a time. The first is the *Header.
//
// An error of type *LineError is about one line and the sequence goes on after
// it. Any other error ends the sequence: it matches ErrNotJournal, is a
// *VersionError, or comes from r. Records of types that came with a later
// minor version are skipped. A last line without its newline counts if it is
// whole; otherwise it is reported as torn.
func Read(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		rd := newReader(bufio.NewReaderSize(r, 64<<10))
		h, err := rd.header()
		if err != nil {
			yield(nil, err)
			return
		}
		if !yield(h, nil) {
			return
		}
		for {
			rec, err := rd.next()
			if err == io.EOF {
				return
			}
			var line *LineError
			goOn := err == nil || errors.As(err, &line)
			if !yield(rec, err) || !goOn {
				return
			}
		}
	}
}

// reader takes a journal apart.
type reader struct {
	r     *bufio.Reader
	line  int    // number of the last line read
	buf   []byte // its text
	newer bool   // the current header has a minor version above ours
}

func newReader(r *bufio.Reader) *reader { return &reader{r: r} }

// header reads the first line, which must be a header.
func (rd *reader) header() (*Header, error) {
	rec, err := rd.next()
	var line *LineError
	var version *VersionError
	switch h, ok := rec.(*Header); {
	case ok:
		return h, nil
	case err == io.EOF:
		return nil, fmt.Errorf("%w: it is empty", ErrNotJournal)
	case errors.As(err, &version):
		return nil, err
	case errors.As(err, &line) || err == nil:
		return nil, fmt.Errorf("%w: its first line is no header: %q", ErrNotJournal, shown(rd.buf))
	}
	return nil, err
}

// next returns the next record that this version knows.
func (rd *reader) next() (Record, error) {
	for {
		whole, err := rd.readLine()
		if err != nil {
			return nil, err
		}
		if rec, err := rd.record(whole); rec != nil || err != nil {
			return rec, err
		}
	}
}

// record returns the record in rd.buf, of a line that is whole or the last;
// nil if it is one to skip.
func (rd *reader) record(whole bool) (Record, error) {
	rec, err := rd.decode()
	var version *VersionError
	switch {
	case errors.As(err, &version):
		return nil, err
	case err != nil:
		return nil, &LineError{Line: rd.line, Text: shown(rd.buf), Torn: !whole, Err: err}
	}
	return rec, nil
}

// errTooLong is what is wrong with a line of more than maxLine bytes.
var errTooLong = fmt.Errorf("longer than %d bytes", maxLine)

// readLine reads a line into rd.buf, without its newline, and reports whether
// it had one. Of a line that is too long for a record it keeps one byte more
// than a record may have and skips the rest.
func (rd *reader) readLine() (whole bool, err error) {
	rd.buf = rd.buf[:0]
	for {
		part, err := rd.r.ReadSlice('\n')
		if room := maxLine + 1 - len(rd.buf); len(part) > room {
			part = part[:room]
		}
		rd.buf = append(rd.buf, part...)
		switch {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(rd.buf) == 0:
			return false, io.EOF
		case err == nil || err == io.EOF:
			rd.line++
			rd.buf = bytes.TrimSuffix(rd.buf, []byte("\n"))
			return err == nil, nil
		default:
			return false, err
		}
	}
}

// decode returns the record in rd.buf; nil if it is one to skip.
func (rd *reader) decode() (Record, error) {
	if len(rd.buf) > maxLine {
		return nil, errTooLong
	}
	kind, err := kindOf(rd.buf)
	if err != nil {
		return nil, err
	}
	switch kind {
	case kindHeader:
		return rd.decodeHeader()
	case kindStarted:
		r := new(Started)
		if err := json.Unmarshal(rd.buf, r); err != nil {
			return nil, err
		}
		r.Task.unstamp()
		return r, nil
	case kindEnded:
		r := new(Ended)
		if err := json.Unmarshal(rd.buf, r); err != nil {
			return nil, err
		}
		r.Task.unstamp()
		return r, nil
	case "":
		return nil, errors.New(`it has no "type"`)
	}
	if rd.newer {
		return nil, nil
	}
	return nil, fmt.Errorf("unknown type %q", kind)
}

// decodeHeader looks at the version before anything else: a later major
// version may mean something else by every other field.
func (rd *reader) decodeHeader() (Record, error) {
	var v struct {
		Format       string
		Major, Minor int
		Program      any
	}
	if err := json.Unmarshal(rd.buf, &v); err != nil {
		return nil, err
	}
	if v.Format != Format || v.Major < 1 {
		return nil, fmt.Errorf("a header of format %q %d.%d", v.Format, v.Major, v.Minor)
	}
	if v.Major > Major {
		program, _ := v.Program.(string)
		return nil, &VersionError{v.Major, v.Minor, program}
	}
	h := new(Header)
	if err := json.Unmarshal(rd.buf, h); err != nil {
		return nil, err
	}
	rd.newer = v.Major == Major && v.Minor > Minor
	h.Argv = unrawWords(h.Argv, h.ArgvRaw)
	return h, nil
}

// shown is the part of a line that an error quotes.
func shown(line []byte) string {
	return string(line[:min(len(line), shownText)])
}
