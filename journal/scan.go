package journal

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff"
)

// A resume reads every record and needs little of each. The scanner takes that
// out of a line that stands exactly as encode writes it: fields in the order
// of the struct, no spaces, plain values of the right type. It says of every
// such line what encoding/json would say. Of any other line, right or wrong,
// it says nothing, and encoding/json judges. FuzzScan holds it to that.

// brief is what a resume needs of a started or ended record.
type brief struct {
	ended      bool
	identity   digest
	occurrence int
	attempt    int
	outcome    cutoff.Outcome
	wall       time.Duration
	retry      bool
}

func briefOf(r Record) brief {
	switch r := r.(type) {
	case *Started:
		return brief{identity: digestOf([]byte(r.Identity)), occurrence: r.Occurrence, attempt: r.Attempt}
	case *Ended:
		return brief{
			ended: true, identity: digestOf([]byte(r.Identity)), occurrence: r.Occurrence, attempt: r.Attempt,
			outcome: r.Outcome, wall: r.Wall, retry: r.Retry,
		}
	}
	return brief{}
}

// form is how a type is written.
type form int

const (
	formOther form = iota // not for the scanner
	formString
	formInt
	formBool
	formTime
	formStrings
	formObject // of integers
)

// field is a field of a record.
type field struct {
	name   string
	quoted string // with its quotes and the colon
	form   form
	fields []field // of an object
}

var (
	startedFields = fieldsOf(reflect.TypeFor[Started]())
	endedFields   = fieldsOf(reflect.TypeFor[Ended]())
)

// fieldsOf returns the fields of a struct in the order in which they are
// written, those of embedded structs in their place.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			out = append(out, fieldsOf(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		next := field{name: name, quoted: `"` + name + `":`, form: formOf(f.Type)}
		if next.form == formObject {
			next.fields = fieldsOf(f.Type.Elem())
		}
		out = append(out, next)
	}
	return out
}

func formOf(t reflect.Type) form {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return formTime
	case t == reflect.TypeFor[*cutoff.Limits]():
		return formObject
	case t.Implements(reflect.TypeFor[json.Unmarshaler]()), reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return formOther
	}
	switch t.Kind() {
	case reflect.String:
		return formString
	case reflect.Int, reflect.Int64:
		return formInt
	case reflect.Bool:
		return formBool
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return formStrings
		}
	}
	return formOther
}

// scan returns what a line says, if it is one for the scanner.
func scan(line []byte) (b brief, ok bool) {
	s := scanner{line: line}
	fields := startedFields
	switch {
	case s.has(`{"type":"started",`):
	case s.has(`{"type":"ended",`):
		b.ended, fields = true, endedFields
	default:
		return brief{}, false
	}
	ok = s.object(fields[1:], b.set)
	return b, ok && s.pos == len(line)
}

// set takes the value of a field, in its form.
func (b *brief) set(name string, value []byte) (ok bool) {
	ok = true
	switch name {
	case "identity":
		var text []byte
		text, ok = plainText(value)
		b.identity = digestOf(text)
	case "outcome":
		var text []byte
		text, ok = plainText(value)
		if b.outcome = cutoff.OK; string(text) != string(cutoff.OK) { // the most are
			b.outcome = cutoff.Outcome(text)
		}
	case "occurrence":
		b.occurrence, ok = integer(value)
	case "attempt":
		b.attempt, ok = integer(value)
	case "wall_ns":
		var n int
		n, ok = integer(value)
		b.wall = time.Duration(n)
	case "retry":
		b.retry = string(value) == "true"
	}
	return ok
}

// plainText returns a quoted string that stands for itself.
func plainText(quoted []byte) (text []byte, ok bool) {
	text = quoted[1 : len(quoted)-1]
	for _, c := range text {
		if c >= 0x80 || c == '\\' {
			return nil, false
		}
	}
	return text, true
}

func integer(digits []byte) (int, bool) {
	n, err := strconv.Atoi(string(digits))
	return n, err == nil
}

// scanner reads one line. Its methods return false for what is not theirs.
type scanner struct {
	line []byte
	pos  int
}

// has takes text if it comes next.
func (s *scanner) has(text string) bool {
	end := s.pos + len(text)
	if end > len(s.line) || string(s.line[s.pos:end]) != text {
		return false
	}
	s.pos = end
	return true
}

// object reads the fields of an object to its closing brace and hands their
// values to set, if there is one.
func (s *scanner) object(fields []field, set func(name string, value []byte) bool) bool {
	for i := 0; ; i++ {
		for i < len(fields) && !s.has(fields[i].quoted) {
			i++
		}
		if i == len(fields) {
			return false
		}
		from := s.pos
		if !s.value(&fields[i]) || set != nil && !set(fields[i].name, s.line[from:s.pos]) {
			return false
		}
		if s.has("}") {
			return true
		}
		if !s.has(",") {
			return false
		}
	}
}

func (s *scanner) value(f *field) bool {
	switch f.form {
	case formString:
		return s.text()
	case formInt:
		return s.number()
	case formBool:
		return s.has("true") || s.has("false")
	case formTime:
		return s.time()
	case formStrings:
		return s.texts()
	case formObject:
		return s.has("{") && s.object(f.fields, nil)
	}
	return false
}

// inText says what a byte means inside of a string: nothing, or one of these.
var inText = func() (t [256]byte) {
	for c := range 0x20 {
		t[c] = 'x' // has to be escaped
	}
	t['"'], t['\\'] = '"', '\\'
	return t
}()

// text reads a string. Bytes that are not UTF-8 are allowed, as encoding/json
// allows them.
func (s *scanner) text() bool {
	if !s.has(`"`) {
		return false
	}
	for s.pos < len(s.line) {
		c := inText[s.line[s.pos]]
		s.pos++
		switch c {
		case '"':
			return true
		case 'x':
			return false
		case '\\':
			if !s.escape() {
				return false
			}
		}
	}
	return false
}

// escape reads what follows a backslash.
func (s *scanner) escape() bool {
	if s.pos == len(s.line) {
		return false
	}
	c := s.line[s.pos]
	s.pos++
	if c != 'u' {
		return strings.IndexByte(`"\/bfnrt`, c) >= 0
	}
	for range 4 {
		if s.pos == len(s.line) || !isHex(s.line[s.pos]) {
			return false
		}
		s.pos++
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// texts reads an array of strings.
func (s *scanner) texts() bool {
	if !s.has("[") {
		return false
	}
	if s.has("]") {
		return true
	}
	for s.text() {
		if s.has("]") {
			return true
		}
		if !s.has(",") {
			return false
		}
	}
	return false
}

// maxDigits keeps a number within an int, whatever its size.
const maxDigits = 9 * strconv.IntSize / 32

// number reads an integer.
func (s *scanner) number() bool {
	s.has("-")
	from := s.pos
	for s.pos < len(s.line) && '0' <= s.line[s.pos] && s.line[s.pos] <= '9' {
		s.pos++
	}
	n := s.pos - from
	return n > 0 && n <= maxDigits && (n == 1 || s.line[from] != '0')
}

// time reads a time in UTC, in quotes: "2026-11-22T18:58:57.887559179Z".
func (s *scanner) time() bool {
	if !s.has(`"`) {
		return false
	}
	year, ok1 := s.digits(4, "-", 9999)
	month, ok2 := s.digits(2, "-", 12)
	day, ok3 := s.digits(2, "T", 31)
	_, ok4 := s.digits(2, ":", 23)
	_, ok5 := s.digits(2, ":", 59)
	_, ok6 := s.digits(2, "", 59)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || month == 0 || day == 0 {
		return false
	}
	if day > 28 && time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		return false
	}
	if s.has(".") {
		from := s.pos
		for s.pos < len(s.line) && '0' <= s.line[s.pos] && s.line[s.pos] <= '9' {
			s.pos++
		}
		if n := s.pos - from; n == 0 || n > 9 {
			return false
		}
	}
	return s.has(`Z"`)
}

// digits reads a number of n digits and what stands behind it.
func (s *scanner) digits(n int, behind string, most int) (v int, ok bool) {
	if s.pos+n > len(s.line) {
		return 0, false
	}
	for _, c := range s.line[s.pos : s.pos+n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + int(c-'0')
	}
	s.pos += n
	return v, v <= most && s.has(behind)
}
