package report

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGolden compares every sample's SVG with its golden file. Look at what
// -pictures writes before you write new ones with -update.
func TestGolden(t *testing.T) {
	for name, build := range samples {
		t.Run(name, func(t *testing.T) {
			sum := build(t).summary()
			svg := render(t, sum, SVG)
			if *pictures != "" {
				check(t, os.WriteFile(filepath.Join(*pictures, name+".svg"), svg, 0o644))
				check(t, os.WriteFile(filepath.Join(*pictures, name+".png"), render(t, sum, PNG), 0o644))
			}
			golden := filepath.Join("testdata", name+".svg")
			if *update {
				check(t, os.WriteFile(golden, svg, 0o644))
			}
			want, err := os.ReadFile(golden)
			check(t, err)
			if string(svg) != string(want) {
				t.Errorf("differs from %s", golden)
			}
		})
	}
}
