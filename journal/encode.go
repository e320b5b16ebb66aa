package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// Encode returns the line that a journal has of a record, its newline included.
// It completes the record as the writer does: Type, Time if it is zero, and the
// exact bytes of what is not valid UTF-8.
func Encode(r Record) ([]byte, error) {
	line, err := encode(r)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return line, nil
}

// encode returns the line of a record, its newline included.
func encode(r Record) ([]byte, error) {
	stamp(r)
	var b bytes.Buffer
	e := json.NewEncoder(&b) // ends with a newline
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, err
	}
	if b.Len() > maxLine {
		return nil, fmt.Errorf("a record of %d bytes is longer than a journal may have (%d)", b.Len(), maxLine)
	}
	return b.Bytes(), nil
}

// stamp sets the fields that belong to the writer.
func stamp(r Record) {
	switch r := r.(type) {
	case *Header:
		r.Type, r.Time = kindHeader, utcOrNow(r.Time)
		r.ArgvRaw = rawWords(r.Argv)
	case *Started:
		r.Type, r.Time = kindStarted, utcOrNow(r.Time)
		r.Task.stamp()
	case *Ended:
		r.Type, r.Time = kindEnded, utcOrNow(r.Time)
		r.Task.stamp()
		if !r.Result.Started.IsZero() {
			r.Result.Started = r.Result.Started.UTC()
		}
	}
}

func (t *Task) stamp() {
	t.ArgvRaw = rawWords(t.Argv)
	t.CmdRaw = rawWord(t.Cmd)
}

// unstamp undoes on reading what stamp did.
func (t *Task) unstamp() {
	t.Argv = unrawWords(t.Argv, t.ArgvRaw)
	if t.CmdRaw != nil {
		t.Cmd = string(t.CmdRaw)
	}
}

func utcOrNow(t time.Time) time.Time {
	if t.IsZero() {
		t = time.Now()
	}
	return t.UTC()
}

// rawWords returns the bytes of words if JSON cannot carry one of them.
func rawWords(words []string) [][]byte {
	for _, w := range words {
		if !utf8.ValidString(w) {
			raw := make([][]byte, len(words))
			for i := range words {
				raw[i] = []byte(words[i])
			}
			return raw
		}
	}
	return nil
}

func rawWord(s string) []byte {
	if utf8.ValidString(s) {
		return nil
	}
	return []byte(s)
}

func unrawWords(words []string, raw [][]byte) []string {
	if raw == nil {
		return words
	}
	words = make([]string, len(raw))
	for i := range raw {
		words[i] = string(raw[i])
	}
	return words
}

// kindOf returns a line's type. Our own lines begin with it, so that it takes
// no second pass over them.
func kindOf(line []byte) (string, error) {
	for _, k := range []string{kindEnded, kindStarted} {
		if rest, ok := bytes.CutPrefix(line, []byte(`{"type":"`)); ok && bytes.HasPrefix(rest, []byte(k+`",`)) {
			return k, nil
		}
	}
	var v struct{ Type string }
	err := json.Unmarshal(line, &v)
	return v.Type, err
}
