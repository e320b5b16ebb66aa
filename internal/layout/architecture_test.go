package layout

import (
	"io/fs"
	"strings"
	"testing"
)

// Newcomers read the table in docs/ARCHITECTURE.md.
func TestArchitectureShowsTheTable(t *testing.T) {
	doc, err := fs.ReadFile(checkout(t), "docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "```text\n" + table + "```\n"; !strings.Contains(string(doc), want) {
		t.Errorf("docs/ARCHITECTURE.md does not show the table of internal/layout/table_test.go, which is\n%s", want)
	}
}
