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

// What a document of the project links to beside it is there.
func TestLinks(t *testing.T) {
	for _, p := range deadLinks(t, checkout(t)) {
		t.Error(p)
	}
}

func TestLinksReported(t *testing.T) {
	dead := deadLinks(t, fstest.MapFS{
		"README.md":   {Data: []byte("[a](docs/A.md#part) ![p](docs/p.svg) [w](https://example.com/x.md) [h](#here) [d](docs)\n")},
		"docs/A.md":   {Data: []byte("[up](../README.md) [gone](B.md)\n[too](../../x)\n")},
		"docs/p.svg":  {},
		".tool/no.md": {Data: []byte("[x](gone)\n")},
	})
	if want := []string{"docs/A.md links to B.md, which is not there", "docs/A.md links to ../../x, which is not there"}; !slices.Equal(dead, want) {
		t.Errorf("dead links %q, want %q", dead, want)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func deadLinks(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var dead []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case path.Ext(name) != ".md":
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		for _, m := range link.FindAllSubmatch(text, -1) {
			to, _, _ := strings.Cut(string(m[1]), "#")
			if to == "" || strings.Contains(to, ":") {
				continue // here, or elsewhere in the world
			}
			if _, err := fs.Stat(fsys, path.Join(path.Dir(name), to)); err != nil {
				dead = append(dead, name+" links to "+string(m[1])+", which is not there")
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dead
}
