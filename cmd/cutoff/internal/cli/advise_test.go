package cli

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestAdviseScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/advise"})
}

func TestParseKeep(t *testing.T) {
	for in, want := range map[string]float64{"95%": 0.95, "95": 0.95, "99.5 %": 0.995, "1%": 0.01} {
		if got, err := parseKeep(in); got != want || err != nil {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "%", "0.95", "0", "-5%", "100%", "NaN", "nan%", "inf", "5%%", "x"} {
		if got, err := parseKeep(in); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
}
