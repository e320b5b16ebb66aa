package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff/batch"
)

// resultFlags say what is kept of the output.
type resultFlags struct {
	dir  string
	most int64
}

func addResultFlags(cmd *cobra.Command, r *resultFlags) {
	f := cmd.Flags()
	f.StringVar(&r.dir, "results", "", "write the output and the record of every attempt into files below `DIR`")
	f.Var((*sizeFlag)(&r.most), "max-output", "keep the first and the last half of this much of each stream, and drop what is between")
}

// prepare makes the results directory, which must be new or empty unless the
// batch goes on.
func (r *resultFlags) prepare(again bool) error {
	if r.dir == "" {
		return nil
	}
	if err := os.MkdirAll(r.dir, 0o777); err != nil {
		return usagef("--results: %w", err)
	}
	f, err := os.Open(r.dir)
	if err != nil {
		return usagef("--results: %w", err)
	}
	defer f.Close()
	switch _, err := f.Readdirnames(1); {
	case err == nil && !again:
		return usagef("--results %s: something is in there already: name a new directory", r.dir)
	case err != nil && !errors.Is(err, io.EOF):
		return usagef("--results: %w", err)
	}
	return nil
}

// tempPrefix begins the name of the directory in which the tasks of a batch
// have their temporary directories.
const tempPrefix = "cutoff-batch-"

// tempDir makes that directory, and removes those that batches have left that
// did not live to do it themselves.
func tempDir() (dir string, remove func(), err error) {
	root := os.TempDir()
	old, _ := filepath.Glob(filepath.Join(root, tempPrefix+"*"))
	for _, name := range old {
		removeAbandoned(name)
	}
	for {
		if dir, err = os.MkdirTemp(root, tempPrefix); err != nil {
			return "", nil, fmt.Errorf("no temporary directory for the tasks: %w", err)
		}
		unlock, ok := lockDir(dir)
		if !ok { // somebody who took it for abandoned was faster
			continue
		}
		return dir, func() {
			if err := batch.RemoveTempDir(dir); err != nil {
				fmt.Fprintln(os.Stderr, "cutoff:", err)
			}
			unlock()
		}, nil
	}
}
