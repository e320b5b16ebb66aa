package cli

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestResumeScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/resume",
		Setup: withSchema(setupRun),
		Cmds:  runCommands,
	})
}
