package layout

import (
	"go/ast"
	"regexp"
	"strconv"
	"testing"
	"testing/fstest"
)

// platformFile matches the names of files that are for some systems only.
var platformFile = regexp.MustCompile(`_(linux|darwin|freebsd|windows|unix|bsd|other)(_test)?\.go$`)

// mayAskWhere are the files that use runtime.GOOS for another end than to
// decide what to do, with that end.
var mayAskWhere = map[string]string{
	"bench/main.go":     "its table says where it was measured",
	"journal/writer.go": "the header of a journal names the system",
}

// Platform code stands in files that are named for their platform; no other
// code asks where it runs.
func TestPlatformFilesOnly(t *testing.T) {
	asked := map[string]bool{}
	for _, f := range sources(t, checkout(t)) {
		asked[f.path] = asksWhere(f)
		if asked[f.path] && mayAskWhere[f.path] == "" {
			t.Errorf("%s uses runtime.GOOS: platform code stands in a file of its own (_linux.go, _unix.go, _windows.go, ...)", f.path)
		}
	}
	for name := range mayAskWhere {
		if !asked[name] {
			t.Errorf("%s does not use runtime.GOOS, and mayAskWhere has it", name)
		}
	}
}

func TestPlatformReported(t *testing.T) {
	for _, tt := range []struct {
		name, file, src string
		want            bool
	}{
		{"plain", "a.go", "package p\nimport \"runtime\"\nvar os = runtime.GOOS\n", true},
		{"renamed", "a.go", "package p\nimport rt \"runtime\"\nvar os = rt.GOOS\n", true},
		{"dot", "a.go", "package p\nimport . \"runtime\"\nvar os = GOOS\n", true},
		{"in a function", "cmd/x/a.go", "package p\nimport \"runtime\"\nfunc f() bool { return runtime.GOOS == \"linux\" }\n", true},
		{"platform file", "a_windows.go", "package p\nimport \"runtime\"\nvar os = runtime.GOOS\n", false},
		{"name that only looks like one", "linux.go", "package p\nimport \"runtime\"\nvar os = runtime.GOOS\n", true},
		{"test", "a_test.go", "package p\nimport \"runtime\"\nvar os = runtime.GOOS\n", false},
		{"other use", "a.go", "package p\nimport \"runtime\"\nvar n = runtime.NumCPU()\n", false},
		{"other package's GOOS", "a.go", "package p\nimport \"go/build\"\nvar os = build.Default.GOOS\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := sources(t, fstest.MapFS{tt.file: {Data: []byte(tt.src)}})
			if got := asksWhere(files[0]); got != tt.want {
				t.Errorf("asksWhere = %v, want %v", got, tt.want)
			}
		})
	}
}

// asksWhere reports whether a file that is neither a test nor for some systems
// only uses runtime.GOOS. It takes an unqualified GOOS for it where runtime is imported with a dot.
func asksWhere(f source) bool {
	if f.test || platformFile.MatchString(f.path) {
		return false
	}
	name := ""
	for _, spec := range f.syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != "runtime" {
			continue
		}
		name = "runtime"
		if spec.Name != nil {
			name = spec.Name.Name
		}
	}
	found := false
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			found = found || ok && x.Name == name && n.Sel.Name == "GOOS"
		case *ast.Ident:
			found = found || name == "." && n.Name == "GOOS"
		}
		return !found
	})
	return found
}
