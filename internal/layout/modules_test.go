package layout

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	goLine   = "1.25.0" // of every module that is used or run by others
	toolsDir = "tools"  // its module stands apart: its needs reach nobody
)

// libraryNeeds is all that a user of the library takes on with it.
var libraryNeeds = []string{
	"github.com/fxamacker/cbor/v2",
	"github.com/x448/float16 // indirect",
	"golang.org/x/sys",
}

func TestModules(t *testing.T) {
	for _, p := range checkModules(t, checkout(t)) {
		t.Error(p)
	}
}

func TestModulesReported(t *testing.T) {
	const library = "module m\ngo 1.25.0\nrequire (\n\tgithub.com/fxamacker/cbor/v2 v2.0.0\n\tgolang.org/x/sys v0.1.0\n)\n" +
		"require github.com/x448/float16 v0.8.4 // indirect\n"
	const program = "module m/cmd\n\ngo 1.25.0\n\nrequire example.com/cobra v1.0.0\n"
	for _, tt := range []struct {
		name    string
		library string
		program string
		work    string
		want    string // the one problem, "" = none
	}{
		{"as it should be", library, program, "use (\n\t.\n\t./cmd\n)\nreplace m v0.0.0 => ./\n", ""},
		{"further requirement", library + "require example.com/diff v1.0.0\n", program, "use .\nuse ./cmd\n", "go.mod requires"},
		{"requirement lost", strings.ReplaceAll(library, "golang.org/x/sys v0.1.0", ""), program, "use .\nuse ./cmd\n", "go.mod requires"},
		{"newer go line", library, strings.ReplaceAll(program, "1.25.0", "1.26.0"), "use .\nuse ./cmd\n", "cmd/go.mod says go 1.26.0"},
		{"replace", library, program + "replace m => ../\n", "use .\nuse ./cmd\n", "cmd/go.mod has a directive replace"},
		{"replace in a block", library + "replace (\n\tm/x => ./x\n)\n", program, "use .\nuse ./cmd\n", "go.mod has a directive replace"},
		{"exclude", library, program + "exclude m v1.0.0 // why\n", "use .\nuse ./cmd\n", "cmd/go.mod has a directive exclude"},
		{"module that the workspace lacks", library, program, "use .\n", "go.work uses [.]"},
		{"tools in the workspace", library, program, "use .\nuse ./cmd\nuse ./tools\n", "go.work uses [. cmd tools]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			problems := checkModules(t, fstest.MapFS{
				"go.mod":       {Data: []byte(tt.library)},
				"cmd/go.mod":   {Data: []byte(tt.program)},
				"tools/go.mod": {Data: []byte("module m/tools\ngo 1.26.0\n")},
				"go.work":      {Data: []byte("go 1.25.0\n" + tt.work)},
			})
			if tt.want == "" && len(problems) > 0 || tt.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], tt.want)) {
				t.Errorf("problems %q, want one with %q", problems, tt.want)
			}
		})
	}
}

// checkModules returns what is wrong with the go.mod files and the go.work.
func checkModules(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var problems []string
	modules := []string{}
	for _, dir := range moduleDirs(t, fsys) {
		name := path.Join(dir, "go.mod")
		mod := directives(t, fsys, name)
		// go install refuses a program whose module has one of these.
		for _, d := range []string{"replace", "exclude"} {
			if len(mod[d]) > 0 {
				problems = append(problems, fmt.Sprintf("%s has a directive %s: go install would refuse it once published", name, d))
			}
		}
		if dir == toolsDir {
			continue
		}
		modules = append(modules, dir)
		if got := strings.Join(mod["go"], " "); got != goLine {
			problems = append(problems, fmt.Sprintf("%s says go %s, not %s", name, got, goLine))
		}
		if dir != "." {
			continue
		}
		if got := requirements(mod["require"]); !slices.Equal(got, libraryNeeds) {
			problems = append(problems, fmt.Sprintf("%s requires %q, and a user of the library is to take on %q", name, got, libraryNeeds))
		}
	}
	var uses []string
	for _, use := range directives(t, fsys, "go.work")["use"] {
		uses = append(uses, path.Clean(use))
	}
	slices.Sort(uses)
	if !slices.Equal(uses, modules) {
		problems = append(problems, fmt.Sprintf("go.work uses %v, and the modules are %v and %s, which stands apart", uses, modules, toolsDir))
	}
	return problems
}

// requirements returns the sorted modules of require directives without their
// versions.
func requirements(requires []string) []string {
	var all []string
	for _, r := range requires {
		mod, rest, _ := strings.Cut(r, " ")
		if _, comment, ok := strings.Cut(rest, "//"); ok {
			mod += " //" + comment
		}
		all = append(all, mod)
	}
	slices.Sort(all)
	return all
}

func moduleDirs(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var dirs []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.Name() == "go.mod":
			dirs = append(dirs, path.Dir(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(dirs)
	return dirs
}

// directives returns the directives of a go.mod or go.work by their first
// word, those of a block one by one. Of comments only "// indirect" is kept.
func directives(t *testing.T, fsys fs.FS, name string) map[string][]string {
	t.Helper()
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	block := ""
	for line := range strings.Lines(string(text)) {
		code, comment, _ := strings.Cut(strings.TrimSpace(line), "//")
		code = strings.TrimSpace(code)
		if strings.TrimSpace(comment) == "indirect" {
			code += " // indirect"
		}
		word, rest, _ := strings.Cut(code, " ")
		switch {
		case code == "":
		case block != "" && word == ")":
			block = ""
		case block != "":
			found[block] = append(found[block], code)
		case strings.TrimSpace(rest) == "(":
			block = word
		default:
			found[word] = append(found[word], strings.TrimSpace(rest))
		}
	}
	return found
}
