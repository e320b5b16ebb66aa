package journal

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

// Two embedded structs with one JSON name would silently lose both fields.
func TestNoAmbiguousNames(t *testing.T) {
	for _, rec := range []Record{&Header{}, &Started{}, &Ended{}} {
		seen := map[string]bool{}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(rec).Elem()) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous {
				continue
			}
			if name == "" || name == "-" {
				t.Errorf("%T: field %s has no JSON name", rec, f.Name)
			}
			if seen[name] {
				t.Errorf("%T: two fields are called %q", rec, name)
			}
			seen[name] = true
		}
	}
}

// fill sets every field of v to a value that is not zero.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(at(time.Hour)))
		return
	case [][]byte, []byte: // the exact bytes: set by the writer where needed
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("é<&>\x01 " + v.Type().Name())
	case reflect.Int, reflect.Int64:
		v.SetInt(1<<53 + 1) // more than a float64 can tell apart
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
		panic("a field of a kind the format has no form for: " + v.Type().String())
	}
}

// Every field of every record comes back as it was written.
func TestRoundTrip(t *testing.T) {
	header, started, ended := new(Header), new(Started), new(Ended)
	fill(reflect.ValueOf(header).Elem())
	fill(reflect.ValueOf(started).Elem())
	fill(reflect.ValueOf(ended).Elem())
	header.Format, header.Major, header.Minor = Format, Major, Minor
	want := []Record{header, started, ended}
	var file []byte
	for _, r := range want {
		line, err := encode(r)
		check(t, err)
		file = append(file, line...)
	}
	got, errs := readAll(file)
	if errs != nil {
		t.Fatal(errs)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("came back changed:\n got %+v\nwant %+v", got, want)
	}
}

// File names need not be UTF-8, and a later run must find the same file.
func TestInvalidUTF8(t *testing.T) {
	word, line := "caf\xe9.cnf", "minisat caf\xe9.cnf"
	path := newPath(t)
	h := testHeader()
	h.Argv = []string{"cutoff", word}
	w, err := Create(path, h, Options{})
	check(t, err)
	check(t, w.Started(Started{Task: Task{Argv: []string{"minisat", word}}, Attempt: 1}))
	check(t, w.Ended(Ended{Task: Task{Cmd: line}, Result: cutoff.Result{Outcome: cutoff.OK, Output: "\xff"}}))
	check(t, w.Close())

	recs, errs := readAll(mustReadFile(t, path))
	if errs != nil {
		t.Fatal(errs)
	}
	if got := recs[0].(*Header).Argv[1]; got != word {
		t.Errorf("header argv = %q", got)
	}
	if got := recs[1].(*Started).Argv[1]; got != word {
		t.Errorf("task argv = %q", got)
	}
	if got := recs[2].(*Ended).Cmd; got != line {
		t.Errorf("task cmd = %q", got)
	}
}
