package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/report"
	"github.com/cutoff-run/cutoff/journal"
)

const reportLong = `Draw the timeline of a batch from its journal.

Every task has a bar from its own start to its end: green is ok, hatched orange
was cut off, red failed or crashed. The dashed line is the cutoff. Up to 60
tasks have a row and a name each; of more, all durations are shown in order.

JOURNAL is what 'cutoff batch --journal FILE' writes; - reads standard input.
The batch may still be running.`

const reportExample = `  cutoff batch -t 2s --journal run.jsonl './solve {}' ::: *.cnf
  cutoff report run.jsonl -o timeline.svg
  cutoff report run.jsonl -o timeline.png
  cutoff report run.jsonl -o - --format svg > timeline.svg`

// reportOptions are the command's flags.
type reportOptions struct {
	output string
	format string
}

func newReport() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:                   "report JOURNAL -o FILE",
		Short:                 "Draw the timeline of a batch from its journal",
		Long:                  reportLong,
		Example:               reportExample,
		Args:                  usageArgs(oneJournal),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReport(args[0], o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "write to `FILE`, in the format of its extension (.svg, .png); - is standard output")
	f.StringVar(&o.format, "format", "", "write this `FORMAT` (svg, png) whatever the file is called")
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
	sum, err := collect(path, stdin)
	if err != nil {
		return err
	}
	if sum.BadLines > 0 {
		fmt.Fprintf(stderr, "cutoff: %s: lines that are no records, skipped: %d; the first: %v\n", path, sum.BadLines, sum.FirstBad)
	}
	// The whole picture first: a failure leaves no half of one.
	var b bytes.Buffer
	if err := sum.Timeline(&b, format); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if o.output == "-" {
		_, err = stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(o.output, b.Bytes(), 0o666)
}

// resolve returns the format that the flags ask for.
func (o reportOptions) resolve() (report.Format, error) {
	known := strings.Join(formatNames(), ", ")
	name := o.format
	switch {
	case o.output == "":
		return "", errors.New("where to? Name the picture with -o timeline.svg or -o timeline.png")
	case name != "":
	case o.output == "-":
		return "", fmt.Errorf("standard output has no extension: add --format (%s)", known)
	default:
		name = strings.ToLower(strings.TrimPrefix(filepath.Ext(o.output), "."))
	}
	if f := report.Format(name); slices.Contains(report.Formats, f) {
		return f, nil
	}
	if o.format == "" && name == "" {
		return "", fmt.Errorf("%s has no extension to tell the format by: add one, or --format (%s)", o.output, known)
	}
	return "", fmt.Errorf("unknown format %q: there are %s", name, known)
}

// spareJournal refuses to write the picture over the journal.
func (o reportOptions) spareJournal(path string) error {
	in, err := os.Stat(path)
	if err != nil {
		return nil // reading it will say so
	}
	if out, err := os.Stat(o.output); err == nil && in.Mode().IsRegular() && os.SameFile(in, out) {
		return fmt.Errorf("%s is the journal itself: name another file for the picture", o.output)
	}
	return nil
}

// collect reads the journal at path.
func collect(path string, stdin io.Reader) (*report.Summary, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: there is no such file; a journal is what 'cutoff batch --journal FILE' writes", path)
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	sum, err := report.Collect(in)
	if errors.Is(err, journal.ErrNotJournal) {
		return nil, fmt.Errorf("%s: %w; a journal is what 'cutoff batch --journal FILE' writes", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sum, nil
}
