package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/report"
)

const reportLong = `Say what became of a batch, from its journal.

Without -o it is a text on standard output. -o FILE writes a file in the format
of its extension:

  .html        all of it, in one file that needs no network: timeline, quantiles,
               where tasks were stuck, failures, the slowest, every attempt with
               search and filter
  .svg .png    the timeline: a bar for each task from its own start to its end,
               and the cutoff as a dashed line
  .txt         what standard output gets
  .csv .json   a row for each attempt, all numbers as they were measured
  .xml         JUnit, for CI servers: a cutoff is <error type="timeout">
  .trace.json  for ui.perfetto.dev and chrome://tracing
  .joblog      what parallel --joblog writes

JOURNAL is what 'cutoff batch --journal FILE' writes; - reads standard input.
The batch may still be running. docs/REPORT.md describes the formats.`

const reportExample = `  cutoff batch -t 2s --journal run.jsonl './solve {}' ::: *.cnf
  cutoff report run.jsonl
  cutoff report run.jsonl -o report.html
  cutoff report run.jsonl -o timeline.svg
  cutoff report run.jsonl -o - --format csv | head`

// reportOptions are the command's flags.
type reportOptions struct {
	output string
	format string
}

func newReport() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:                   "report JOURNAL [-o FILE]",
		Short:                 "Say what became of a batch, from its journal",
		Long:                  reportLong,
		Example:               reportExample,
		Args:                  usageArgs(oneJournal),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReport(args[0], o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE`, in the format of its extension; - is standard output")
	f.StringVar(&o.format, "format", "", "write this `FORMAT` whatever the file is called: "+strings.Join(formatNames(), ", "))
	cobra.CheckErr(cmd.MarkFlagFilename("output", formatNames()...))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formatNames(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func formatNames() []string {
	var names []string
	for _, f := range report.Formats {
		names = append(names, string(f))
	}
	return names
}

// oneJournal refuses anything but one argument.
func oneJournal(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("which journal? Name the file that 'cutoff batch --journal FILE' wrote")
	case 1:
		return nil
	}
	return fmt.Errorf("one journal at a time, got %q", args)
}

func runReport(path string, o reportOptions, stdin io.Reader, stdout, stderr io.Writer) error {
	format, err := o.resolve()
	if err != nil {
		return usageError{err}
	}
	if err := o.spareJournal(path); err != nil {
		return usageError{err}
	}
	in, err := openJournal(path, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	// An interrupted report ends where it reads, so that its half file goes.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var damage report.Damage
	write := func(w io.Writer) error {
		damage, err = report.Write(w, format, cancelable{in, ctx})
		return err
	}
	if o.output == "" || o.output == "-" {
		err = writeTo(stdout, write)
	} else {
		err = writeFile(o.output, write)
	}
	tellBadLines(stderr, path, damage.BadLines, damage.FirstBad)
	return reportError(ctx, path, err)
}

// resolve returns the format that the flags ask for.
func (o reportOptions) resolve() (report.Format, error) {
	known := strings.Join(formatNames(), ", ")
	if o.format != "" {
		if f := report.Format(o.format); slices.Contains(report.Formats, f) {
			return f, nil
		}
		return "", fmt.Errorf("unknown format %q: there are %s", o.format, known)
	}
	if o.output == "" || o.output == "-" {
		return report.Text, nil
	}
	// The longest first: x.trace.json is no x.json.
	base := strings.ToLower(filepath.Base(o.output))
	var found report.Format
	for _, f := range report.Formats {
		if name := string(f); len(name) > len(found) && (base == name || strings.HasSuffix(base, "."+name)) {
			found = f
		}
	}
	switch ext := filepath.Ext(base); {
	case found != "":
		return found, nil
	case ext == "":
		return "", fmt.Errorf("%s has no extension to tell the format by: add one, or --format (%s)", o.output, known)
	default:
		return "", fmt.Errorf("unknown format %q: there are %s", strings.TrimPrefix(ext, "."), known)
	}
}

// spareJournal refuses to write the report over the journal.
func (o reportOptions) spareJournal(path string) error {
	in, err := os.Stat(path)
	if err != nil {
		return nil // reading it will say so
	}
	if out, err := os.Stat(o.output); err == nil && in.Mode().IsRegular() && os.SameFile(in, out) {
		return fmt.Errorf("%s is the journal itself: name another file for the report", o.output)
	}
	return nil
}
