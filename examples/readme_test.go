package examples_test

import (
	"os"
	"testing"

	"github.com/cutoff-run/cutoff/internal/readme"
)

// What README.md shows works.
func TestReadme(t *testing.T) {
	if raceDetector() {
		t.Skip("what it shows is built without the race detector, which has nothing to find here")
	}
	doc, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := readme.Parse(string(doc))
	if err != nil {
		t.Fatal(err)
	}
	r, err := readme.NewRunner(t.Context(), "..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if err := r.Run(t.Context(), &b); err != nil {
			t.Errorf("README.md:%d: %v", b.Line, err)
		}
	}
}
