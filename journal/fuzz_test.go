package journal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cutoff-run/cutoff"
)

// FuzzRead: whatever is in the file, the reader ends, names each bad line
// once, and what it takes for a record can be written and read again.
func FuzzRead(f *testing.F) {
	file := testFile(f, 2)
	f.Add(file)
	f.Add(file[:len(file)-20])
	f.Add(append(append(bytes.Clone(file), file...), "hello\n"...))
	f.Add([]byte(`{"type":"header","format":"cutoff-journal","major":1,"minor":9}` + "\n" + `{"type":"new"}` + "\n"))
	f.Add([]byte(`{"type":"header","format":"cutoff-journal","major":2}`))
	s := Started{Task: Task{Argv: []string{"\xff"}, Limits: &cutoff.Limits{}}}
	line, err := encode(&s)
	check(f, err)
	f.Add(append(bytes.Clone(file), line...))
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, last := bytes.Count(b, []byte("\n"))+1, 0
		for rec, err := range Read(bytes.NewReader(b)) {
			var line *LineError
			if errors.As(err, &line) {
				if line.Line <= last || line.Line > lines {
					t.Fatalf("line %d of %d after line %d", line.Line, lines, last)
				}
				last = line.Line
				continue
			}
			if err != nil {
				return
			}
			again(t, rec)
		}
	})
}

// again writes rec and reads it back.
func again(t *testing.T, rec Record) {
	t.Helper()
	line, err := encode(rec)
	if err != nil {
		return // a time that RFC 3339 cannot carry, say
	}
	rd := newReader(nil)
	rd.buf = line
	back, err := rd.decode()
	if err != nil || back == nil || back.kind() != rec.kind() {
		t.Fatalf("%q was read as %+v, error %v", line, back, err)
	}
}
