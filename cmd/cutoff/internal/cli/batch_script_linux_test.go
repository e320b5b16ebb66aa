package cli

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestBatchScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/batch",
		Setup: withSchema(setupRun),
		Cmds:  runCommands,
	})
}
