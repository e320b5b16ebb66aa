package cli

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestHelpScript has help written where there is no room.
func TestHelpScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/help"})
}
