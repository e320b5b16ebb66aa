package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaFile is the published schema of a journal's line.
const schemaFile = "../../../../docs/journal.schema.json"

// compileSchema compiles the published schema. With strict it refuses unknown
// fields too, which readers have to skip and a writer must not write.
func compileSchema(strict bool) (*jsonschema.Schema, error) {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if strict {
		defs := doc.(map[string]any)["$defs"].(map[string]any)
		for _, name := range []string{"header", "started", "ended", "limits"} {
			defs[name].(map[string]any)["unevaluatedProperties"] = false
		}
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("journal.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("journal.json")
}

// checkJournals holds every journal below a directory against the schema. What
// is no JSON object is damage that a test made, or a torn line.
func checkJournals(dir string) error {
	schema, err := compileSchema(true)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() { // a pipe would wait for its writer
			return err
		}
		if err := checkJournal(schema, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

func checkJournal(schema *jsonschema.Schema, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if n == 1 && !bytes.HasPrefix(line, []byte(`{"type":"header","format":"cutoff-journal","major":1,"minor":0,"time"`)) {
			return nil // no journal of ours
		}
		if json.Valid(line) {
			v, _ := jsonschema.UnmarshalJSON(bytes.NewReader(line))
			if err := schema.Validate(v); err != nil {
				return fmt.Errorf("line %d: %w\n%s", n, err, line)
			}
		}
		if err != nil {
			return nil // the end
		}
	}
}

// withSchema holds the journals that a script leaves behind against the schema.
func withSchema(setup func(*testscript.Env) error) func(*testscript.Env) error {
	return func(env *testscript.Env) error {
		t := env.T()
		env.Defer(func() {
			if err := checkJournals(env.WorkDir); err != nil {
				t.Fatal(err)
			}
		})
		return setup(env)
	}
}

// The schema takes what the document shows, and nothing that the format
// forbids.
func TestSchema(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/JOURNAL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```jsonl\n")
	example, _, _ := strings.Cut(rest, "```")
	lines := strings.Split(strings.TrimSpace(example), "\n")
	if len(lines) < 4 {
		t.Fatalf("the document's example has %d lines", len(lines))
	}
	strict, err := compileSchema(true)
	if err != nil {
		t.Fatal(err)
	}
	open, err := compileSchema(false)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(s *jsonschema.Schema, line string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(v)
	}
	for _, line := range lines {
		if err := valid(strict, line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	header, started, ended := lines[0], lines[1], lines[len(lines)-1]
	for _, c := range []struct {
		line, from, to string
		open           bool // the published schema takes it
	}{
		{header, `"major":1`, `"major":2`, false},
		{header, `"minor":0`, `"minor":1`, true},
		{header, `"sync":"group"`, `"sync":"sometimes"`, false},
		{header, `"timeout_ns":500000000`, `"timeout_ns":0`, false},
		{header, `"timeout_ns":500000000`, `"timeout_ns":1,"patience_ns":1`, true},
		{started, `"seq":1`, `"seq":0`, false},
		{started, `"seq":1`, `"seq":"1"`, false},
		{started, `"argv"`, `"cmd":"x","argv"`, false},
		{started, `"attempt":1`, `"attempt":1,"mood":"good"`, true},
		{started, `"identity":"1`, `"identity":"X`, false},
		{started, `Z"`, `"`, false},
		{ended, `"outcome":"timeout"`, `"outcome":"late"`, false},
		{ended, `"wall_ns"`, `"wall_ms"`, false},
		{ended, `"type":"ended"`, `"type":"finished"`, false},
	} {
		line := strings.Replace(c.line, c.from, c.to, 1)
		if line == c.line {
			t.Errorf("no %s in %s", c.from, c.line)
		}
		strictly := c.open && strings.Contains(c.to, "minor")
		if err := valid(strict, line); (err == nil) != strictly {
			t.Errorf("strict: %s for %s: %v", c.to, c.from, err)
		}
		if err := valid(open, line); (err == nil) != c.open {
			t.Errorf("%s for %s: %v", c.to, c.from, err)
		}
	}
}
