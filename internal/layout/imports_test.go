package layout

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func TestImports(t *testing.T) {
	problems := checkImports(t, table, sources(t, checkout(t)), true)
	for _, p := range problems {
		t.Error(p)
	}
	if len(problems) > 0 {
		t.Log("the table stands in internal/layout/table_test.go; a new edge is a decision, and so is the end of one")
	}
}

// Each violation that the table is there for is reported, and nothing else.
func TestImportsReported(t *testing.T) {
	const small = `internal/leak:
internal/proc: golang.org/x/sys
cutoff: internal/proc
journal: cutoff
examples/...: cutoff
bench/...: *
tests of all: internal/leak
tests of journal: example.com/diff
`
	file := func(imports ...string) *fstest.MapFile {
		src := "package p\n"
		for _, i := range imports {
			src += "import _ " + strconv.Quote(i) + "\n"
		}
		return &fstest.MapFile{Data: []byte(src)}
	}
	for _, tt := range []struct {
		name, file string
		imports    []string
		want       string // part of the one problem; "" = fine
	}{
		{"standard library", "internal/proc/a.go", []string{"os", "internal/x"}, ""},
		{"edge of the table", "journal/a.go", []string{project}, ""},
		{"allowed module", "internal/proc/a_linux.go", []string{"golang.org/x/sys/unix"}, ""},
		{"upward", "internal/proc/a.go", []string{project}, "internal/proc/a.go imports cutoff"},
		{"past a level", "journal/a.go", []string{project + "/internal/proc"}, "journal/a.go imports internal/proc"},
		{"other system's file", "journal/a_windows.go", []string{project + "/internal/proc"}, "a_windows.go imports internal/proc"},
		{"foreign module", "a.go", []string{"golang.org/x/sys/unix"}, "a.go imports golang.org/x/sys/unix"},
		{"name that only begins alike", "internal/proc/a.go", []string{"golang.org/x/system"}, "imports golang.org/x/system"},
		{"cgo", "a.go", []string{"C"}, "a.go imports C"},
		{"package without a line", "jobs/a.go", nil, "jobs has no line"},
		{"leak outside a test", "journal/a.go", []string{project + "/internal/leak"}, "journal/a.go imports internal/leak"},
		{"leak in a test", "journal/a_test.go", []string{project + "/internal/leak"}, ""},
		{"past a level in a test", "journal/a_test.go", []string{project + "/internal/proc"}, ""},
		{"own package in a test", "journal/a_test.go", []string{project + "/journal"}, ""},
		{"upward in a test", "a_test.go", []string{project + "/journal"}, "a_test.go imports journal"},
		{"allowed module in a test", "journal/a_test.go", []string{"example.com/diff"}, ""},
		{"foreign module in a test of the root", "a_test.go", []string{"example.com/diff"}, "a_test.go imports example.com/diff"},
		{"example on a public package", "examples/hopeless/main.go", []string{project}, ""},
		{"example on an internal package", "examples/hopeless/main.go", []string{project + "/internal/proc"}, "imports internal/proc"},
		{"bench on anything", "bench/peers/main.go", []string{project + "/internal/proc", "example.com/diff"}, ""},
		{"testdata", "journal/testdata/src/a.go", []string{"example.com/diff"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			problems := checkImports(t, small, sources(t, fstest.MapFS{tt.file: file(tt.imports...)}), false)
			if tt.want == "" && len(problems) > 0 || tt.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], tt.want)) {
				t.Errorf("problems %q, want one with %q", problems, tt.want)
			}
		})
	}
	t.Run("edge that nobody uses", func(t *testing.T) {
		files := fstest.MapFS{"internal/proc/a.go": file("golang.org/x/sys/unix"), "a.go": file(), "examples/a/a.go": file(project)}
		problems := checkImports(t, small, sources(t, files), true)
		want := []string{"cutoff no longer imports internal/proc", "the package journal is gone"}
		for _, w := range want {
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, w) }) {
				t.Errorf("problems %q lack %q", problems, w)
			}
		}
	})
	t.Run("table that runs upward", func(t *testing.T) {
		if _, err := parseTable("internal/proc: cutoff\ncutoff:\n"); err == nil {
			t.Error("no error")
		}
	})
}

// source is a Go file of the project.
type source struct {
	path    string // from the root of the checkout
	pkg     string // as the table calls it
	test    bool
	imports []string
	syntax  *ast.File
}

// checkout returns the files of the project. A copy of the library alone, as
// the module cache holds it, has no layout to check.
func checkout(t *testing.T) fs.FS {
	t.Helper()
	const root = "../.."
	if _, err := os.Stat(root + "/go.work"); err != nil {
		t.Skip("not in a checkout of the project:", err)
	}
	return os.DirFS(root)
}

// sources parses the Go files of every system, those in directories that the
// go command does not look into excepted.
func sources(t *testing.T, fsys fs.FS) []source {
	t.Helper()
	var found []source
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.ContainsAny(d.Name()[:1], "._") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		src, err := parse(fsys, name)
		found = append(found, src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func parse(fsys fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return source{}, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	src := source{path: name, pkg: room(path.Dir(name)), test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
	for _, spec := range syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		src.imports = append(src.imports, p)
	}
	return src, nil
}

// checkImports returns what in the files is against the table and, if whole is
// set, what in the table no file needs.
func checkImports(t *testing.T, text string, files []source, whole bool) []string {
	t.Helper()
	r, err := parseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	used := map[string]bool{} // lines, and lines with one of their edges
	for _, f := range files {
		row := r.row(f.pkg)
		if row == "" {
			problems = append(problems, f.pkg+" has no line in the table")
			continue
		}
		used[row] = true
		for _, i := range f.imports {
			e := edge(i)
			by, ok := r.allows(row, f, e)
			if !ok {
				problems = append(problems, fmt.Sprintf("%s imports %s, which the table does not allow", f.path, e))
			}
			used[row+" "+by] = true
		}
	}
	if whole {
		problems = append(problems, r.unused(used)...)
	}
	return problems
}

// allows reports whether a file under the line row may import e, and by which
// edge of that line, if by one.
func (r *rules) allows(row string, f source, e string) (by string, ok bool) {
	if e == "" || f.test && e == f.pkg {
		return "", true
	}
	for _, by := range r.may[row] {
		if by == "*" || grants(by, e) {
			return by, true
		}
	}
	if !f.test {
		return "", false
	}
	for of, edges := range r.tests {
		if covers(of, f.pkg) && slices.ContainsFunc(edges, func(by string) bool { return grants(by, e) }) {
			return "", true
		}
	}
	return "", r.below(row, e) && !slices.Contains(forTests, e)
}

// grants reports whether an edge of the table is e or the module e is in.
func grants(by, e string) bool {
	return by == e || foreign(by) && strings.HasPrefix(e, by+"/")
}

// unused returns what the table has too much.
func (r *rules) unused(used map[string]bool) []string {
	var problems []string
	for _, row := range r.order {
		if !used[row] && !strings.HasSuffix(row, "/...") {
			problems = append(problems, fmt.Sprintf("the package %s is gone and still has a line in the table", row))
			continue
		}
		for _, e := range r.may[row] {
			if e != "*" && !used[row+" "+e] {
				problems = append(problems, fmt.Sprintf("%s no longer imports %s: take the edge out of the table", row, e))
			}
		}
	}
	return problems
}
