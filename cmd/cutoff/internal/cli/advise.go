package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/advise"
)

const adviseLong = `Say from the journal of a batch which time limit would have been right: the one
at which a result costs the least time, among those that surely keep enough of
the results that the present limit gave.

What was cut off counts as what it is, an attempt that would have taken longer.
Nothing is said about limits beyond the largest in the journal, and none is
advised that rests on too few results.

JOURNAL is what 'cutoff batch --journal FILE' writes; - reads standard input.
The batch may still be running. The exit status is 1 if there is too little data
for advice. docs/ADVISE.md has the method.`

const adviseExample = `  cutoff batch -t 5s --journal run.jsonl './solve {}' ::: *.cnf
  cutoff advise run.jsonl
  cutoff advise run.jsonl --keep 99%
  cutoff advise run.jsonl --json | jq .advised.limit_ns`

// adviseOptions are the command's flags.
type adviseOptions struct {
	keep string
	json bool
}

func newAdvise() *cobra.Command {
	var o adviseOptions
	cmd := &cobra.Command{
		Use:                   "advise JOURNAL [--keep N%] [--json]",
		Short:                 "Say which limit would have been right, and what it saves and loses",
		Long:                  adviseLong,
		Example:               adviseExample,
		Args:                  usageArgs(oneJournal),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runAdvise(args[0], o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.keep, "keep", "95%", "keep at least `N%` of the results that the present limit gave, from 1% to 99.9%")
	f.BoolVar(&o.json, "json", false, "write a JSON object, numbers unrounded")
	return cmd
}

func runAdvise(path string, o adviseOptions, stdin io.Reader, stdout, stderr io.Writer) error {
	keep, err := parseKeep(o.keep)
	if err != nil {
		return usageError{err}
	}
	in, err := openJournal(path, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a, err := advise.Read(cancelable{in, ctx}, advise.Options{Keep: keep})
	if err := reportError(ctx, path, err); err != nil {
		return err
	}
	tellBadLines(stderr, path, a.BadLines, a.FirstBad)
	write := a.WriteText
	if o.json {
		write = a.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if a.Kind == advise.TooLittle || a.Kind == advise.NoResults {
		return exitError{exitFailed, nil}
	}
	return nil
}

// parseKeep reads a share in percent. The sign may be left out; a number below
// 1 is refused, since it may be meant as a fraction.
func parseKeep(s string) (float64, error) {
	percent, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
	if err != nil || !(percent >= 1 && percent <= 99.9) {
		return 0, fmt.Errorf("invalid --keep %s: a share of the results from 1%% to 99.9%%", quote(s))
	}
	return percent / 100, nil
}
