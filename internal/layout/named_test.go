package layout

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A document that names a test as its proof names one that there is.
func TestNamedTests(t *testing.T) {
	missing, named := missingTests(t, checkout(t))
	for _, p := range missing {
		t.Error(p)
	}
	if named == 0 {
		t.Error("no document names a test: they are looked for in the wrong way")
	}
}

func TestNamedTestsReported(t *testing.T) {
	missing, named := missingTests(t, fstest.MapFS{
		"docs/A.md":   {Data: []byte("| `TestA`, `TestB/cgroup/{x,y}` | `TestMissing` |\nno proof: TestGone, `go test -run TestGone`\n")},
		"a/a_test.go": {Data: []byte("package a\n\nfunc TestA(t *testing.T) {\n")},
		"b_test.go":   {Data: []byte("func TestB(t *testing.T) {}\n// func TestMissing(t *testing.T)\n")},
	})
	if want := []string{"docs/A.md names TestMissing, which is not there"}; named != 3 || !slices.Equal(missing, want) {
		t.Errorf("of %d: %q, want of 3: %q", named, missing, want)
	}
}

var (
	namedTest = regexp.MustCompile("`(Test[A-Z]\\w*)[/\\w*{},]*`")
	testFunc  = regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(`)
)

func missingTests(t *testing.T, fsys fs.FS) (missing []string, named int) {
	t.Helper()
	names, tests := map[string][]string{}, map[string]bool{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".md" && !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if path.Ext(name) == ".md" {
			for _, m := range namedTest.FindAllSubmatch(text, -1) {
				names[name] = append(names[name], string(m[1]))
			}
			return err
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for doc, list := range names {
		for _, test := range list {
			if named++; !tests[test] {
				missing = append(missing, doc+" names "+test+", which is not there")
			}
		}
	}
	slices.Sort(missing)
	return missing, named
}
