package cli

import (
	"testing"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/proc"
)

// A leader that could not be ended is told by its record neither to have ended,
// nor to have ended well.
func TestRunNotEnded(t *testing.T) {
	tree, err := proc.Start(proc.Spec{Path: "/bin/sleep", Args: []string{"sleep", "60"}})
	if err != nil {
		t.Fatal(err)
	}
	j := &job{runOptions: &runOptions{}, tree: tree, started: tree.Started(), limit: cutoff.Timeout, killed: true}
	if res := j.conclude(0); res.Outcome != cutoff.Timeout || res.ExitCode != -1 || res.Wall <= 0 {
		t.Errorf("%+v", res)
	}
	tree.Kill()
	<-tree.Exited()
	if _, err := tree.Close(); err != nil {
		t.Error(err)
	}
}
