package layout

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// table says who may import whom. A line names a package by its directory
// ("cutoff" is the root) and then the packages of the project and the foreign
// modules that its files may import; the standard library is free to all.
// Imports run downward only, so a line may name only packages that stand on
// the lines before it. A new edge is a decision: make it here and in
// docs/ARCHITECTURE.md, which shows the table to newcomers.
//
// What starts with a blank continues the line before. "/..." stands for a
// directory with all below it, "*" for anything. Tests may import what stands
// above their own package, and what the lines "tests of" give them besides.
const table = `internal/leak:
internal/layout:
internal/deadline:             golang.org/x/sys
internal/proc:                 internal/deadline golang.org/x/sys
internal/wire:
internal/codec:                github.com/fxamacker/cbor/v2
internal/outcome:
internal/stack:
internal/worker:               internal/deadline internal/proc internal/wire internal/codec
                               internal/stack golang.org/x/sys
cutoff:                        internal/deadline internal/proc internal/wire internal/codec internal/outcome
                               internal/stack internal/worker golang.org/x/sys
internal/readme:               cutoff
journal:                       cutoff golang.org/x/sys
batch:                         cutoff journal
batch/batchtest:               cutoff journal batch
internal/faults:
cmd/cutoff/internal/advise:    cutoff journal
cmd/cutoff/internal/report:    cutoff journal cmd/cutoff/internal/advise golang.org/x/image
cmd/cutoff/internal/progress:  cutoff batch github.com/mattn/go-runewidth
cmd/cutoff/internal/hostile:   internal/proc
cmd/cutoff/internal/doctor:    internal/proc cutoff cmd/cutoff/internal/hostile golang.org/x/sys
cmd/cutoff/internal/cli:       internal/deadline internal/proc internal/outcome cutoff journal batch
                               cmd/cutoff/internal/report cmd/cutoff/internal/progress
                               cmd/cutoff/internal/doctor cmd/cutoff/internal/advise
                               github.com/spf13/cobra github.com/cenkalti/backoff golang.org/x/sys
                               golang.org/x/term mvdan.cc/sh/v3
cmd/cutoff:                    cutoff cmd/cutoff/internal/cli
examples/...:                  cutoff journal rsc.io/pdf github.com/dlclark/regexp2
                               github.com/crillab/gophersat
bench/...:                     *

tests of all:                  internal/leak
tests of batch:                batch/batchtest
tests of internal/faults:      golang.org/x/sys
tests of examples/...:         internal/readme
tests of cmd/cutoff/...:       github.com/rogpeppe/go-internal github.com/santhosh-tekuri/jsonschema
`

// forTests are the packages that only tests may import, whatever stands above
// whatever.
var forTests = []string{"internal/leak", "internal/readme"}

const (
	project = "github.com/cutoff-run/cutoff"
	rootDir = "cutoff" // what the table calls the root package
)

// rules is the table, parsed.
type rules struct {
	order []string            // the lines' packages from the bottom up
	may   map[string][]string // by line
	tests map[string][]string // by "tests of" line
}

func parseTable(text string) (*rules, error) {
	r := &rules{may: map[string][]string{}, tests: map[string][]string{}}
	for line := range strings.Lines(strings.ReplaceAll(text, "\n ", " ")) {
		name, imports, ok := strings.Cut(strings.TrimSpace(line), ":")
		if name == "" {
			continue
		}
		if !ok {
			return nil, fmt.Errorf("no colon in %q", line)
		}
		edges := strings.Fields(imports)
		if of, ok := strings.CutPrefix(name, "tests of "); ok {
			r.tests[of] = edges
			continue
		}
		for _, edge := range edges {
			if !foreign(edge) && edge != "*" && !slices.Contains(r.order, edge) {
				return nil, fmt.Errorf("%s names %s, which does not stand above it: imports run downward only", name, edge)
			}
		}
		r.order = append(r.order, name)
		r.may[name] = edges
	}
	return r, nil
}

// row returns the line that pkg falls under, or "".
func (r *rules) row(pkg string) string {
	for _, name := range r.order {
		if covers(name, pkg) {
			return name
		}
	}
	return ""
}

// below reports whether dep stands on a line before row's.
func (r *rules) below(row, dep string) bool {
	i := slices.Index(r.order, dep)
	return i >= 0 && i < slices.Index(r.order, row)
}

// covers reports whether the table's name stands for pkg.
func covers(name, pkg string) bool {
	dir, tree := strings.CutSuffix(name, "/...")
	return pkg == dir || name == "all" || tree && strings.HasPrefix(pkg, dir+"/")
}

// foreign reports whether an edge of the table is a module of others.
func foreign(edge string) bool {
	first, _, _ := strings.Cut(edge, "/")
	return strings.Contains(first, ".")
}

// room returns what the table calls the package in a directory.
func room(dir string) string {
	if dir == "." {
		return rootDir
	}
	return dir
}

// edge returns what the table calls an import: a package of the project by its
// directory, one of others by its path, and "" for the standard library.
func edge(importPath string) string {
	if importPath == project {
		return rootDir
	}
	if dir, ok := strings.CutPrefix(importPath, project+"/"); ok {
		return dir
	}
	if importPath == "C" || foreign(importPath) {
		return path.Clean(importPath)
	}
	return ""
}
