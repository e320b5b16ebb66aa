package journal

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

const docFile = "../docs/JOURNAL.md"

// section returns the text of docFile under a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	doc, err := os.ReadFile(docFile)
	check(t, err)
	_, rest, ok := strings.Cut(string(doc), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", docFile, heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// table returns the cells of the rows of a section whose first cell is code,
// and of those that refer to another section ("the fields of a [task](…)").
func table(t *testing.T, heading string) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.Lines(section(t, heading)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		last := cells[len(cells)-1]
		if strings.HasPrefix(line, "| `") || strings.HasPrefix(last, "the fields of a [") {
			rows = append(rows, cells)
		}
	}
	return rows
}

// typeWord is how the document calls the JSON form of a Go type.
func typeWord(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[time.Time]():
		return "time"
	case reflect.TypeFor[[]byte]():
		return "base64"
	case reflect.TypeFor[[][]byte]():
		return "array of base64"
	}
	switch typ.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Struct:
		return "object"
	case reflect.Pointer:
		return typeWord(typ.Elem())
	case reflect.Slice:
		return "array of " + typeWord(typ.Elem()) + "s"
	}
	return typ.String()
}

// fieldRows is the table that the document must have for a struct: name, type,
// presence; for an embedded struct its name.
func fieldRows(typ reflect.Type) [][]string {
	var rows [][]string
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Anonymous {
			rows = append(rows, []string{"", "", "", strings.ToLower(f.Name)})
			continue
		}
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		present := "always"
		if opts != "" {
			present = "if set"
		}
		rows = append(rows, []string{name, typeWord(f.Type), present})
	}
	return rows
}

// The document has exactly the fields that the structs have, in their order.
func TestDocumentFields(t *testing.T) {
	for heading, typ := range map[string]reflect.Type{
		"Header":  reflect.TypeFor[Header](),
		"Task":    reflect.TypeFor[Task](),
		"Started": reflect.TypeFor[Started](),
		"Ended":   reflect.TypeFor[Ended](),
		"Result":  reflect.TypeFor[cutoff.Result](),
		"Limits":  reflect.TypeFor[cutoff.Limits](),
	} {
		got := table(t, heading)
		for i, row := range got {
			if len(row) != 4 || row[3] == "" {
				t.Errorf("%s: row %q does not have four cells and a meaning", heading, row)
				continue
			}
			if row[0] != "" {
				got[i] = row[:3]
				continue
			}
			ref := strings.TrimPrefix(row[3], "the fields of a [")
			got[i] = []string{"", "", "", ref[:strings.IndexByte(ref, ']')]}
		}
		if want := fieldRows(typ); !reflect.DeepEqual(got, want) {
			t.Errorf("%s, section %s, has the fields\n%q\nand the code\n%q", docFile, heading, got, want)
		}
	}
}

// The document has exactly the outcomes that there are.
func TestDocumentOutcomes(t *testing.T) {
	var got []string
	for _, row := range table(t, "Outcomes") {
		got = append(got, row[0])
	}
	want := outcomes(t)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s has the outcomes %q, the code %q", docFile, got, want)
	}
}

// outcomes returns the values of the constants of type cutoff.Outcome.
func outcomes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../result.go", nil, 0)
	check(t, err)
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Outcome" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			check(t, err)
			values = append(values, value)
		}
		return true
	})
	return values
}

// fenced returns the first block of a section that is fenced as lang.
func fenced(t *testing.T, heading, lang string) string {
	t.Helper()
	_, rest, ok := strings.Cut(section(t, heading), "```"+lang+"\n")
	block, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatalf("%s, section %s, has no block of %s", docFile, heading, lang)
	}
	return block
}

// The example is what the writer writes, byte for byte.
func TestDocumentExample(t *testing.T) {
	example := []byte(fenced(t, "An example", "jsonl"))
	recs, errs := readAll(example)
	if errs != nil {
		t.Fatal(errs)
	}
	var again []byte
	for _, rec := range recs {
		line, err := encode(rec)
		check(t, err)
		again = append(again, line...)
	}
	if !bytes.Equal(again, example) {
		t.Errorf("the writer writes the example differently:\n%s", again)
	}
	if len(recs) != 5 {
		t.Errorf("%d records in the example", len(recs))
	}
	for _, rec := range recs[1:] {
		if s, ok := rec.(*Started); ok && s.Identity != (Work{Argv: s.Argv}).Identity() {
			t.Errorf("the identity of task %d is not that of its command", s.Seq)
		}
	}
}

// The hashed text in the document is what the code hashes.
func TestDocumentIdentity(t *testing.T) {
	text := strings.ReplaceAll(strings.TrimSuffix(fenced(t, "Identity", "text"), "\n"), "⏎", "\n")
	if text != identityText {
		t.Errorf("the document hashes %q, the code %q", text, identityText)
	}
	if !strings.Contains(section(t, "Damage"), "longer than "+strconv.Itoa(maxLine>>20)+" MiB") {
		t.Error("the document names another bound for records")
	}
	if !strings.Contains(section(t, "Durability"), "which is one second") || DefaultWindow != time.Second {
		t.Error("the document names another window")
	}
}
