// Package cli holds the commands of the program, one file for each.
//
// Rules of this package: machine output goes alone to standard output,
// diagnostics and progress to standard error; a command returns its exit
// status through exitError and never calls os.Exit itself.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Main runs the program with args (args[0] is the name it was called by) and
// returns its exit status.
func Main(args []string) int {
	root := newRoot()
	if filepath.Base(args[0]) == "timeout" {
		root = newTimeout() // called through a link: GNU timeout's place
	}
	root.SetArgs(args[1:])
	out := &heedful{Writer: os.Stdout}
	root.SetOut(out)
	cmd, err := root.ExecuteC()
	if err == nil && out.err != nil {
		err = out.err // of help
	}
	return status(cmd.CommandPath(), err)
}

// heedful remembers that a write failed: cobra's help drops the error.
type heedful struct {
	io.Writer
	err error
}

func (h *heedful) Write(b []byte) (n int, err error) {
	if n, err = h.Writer.Write(b); err != nil {
		h.err = err
	}
	return n, err
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cutoff",
		Short: "Hard limits for work that may never end",
		Long: `Hard limits for work that may never end.

At its cutoff a task is really stopped, with everything it started; every
other task goes on, and the record says why each one ended.`,
		Example: `  cutoff demo                                   # see what it is about
  cutoff run 5.01s ./solver input.cnf           # one command, as with GNU timeout
  cutoff batch -t 5.01s -j 4 './solver {}' ::: *.cnf
  cutoff report journal.jsonl -o timeline.svg   # what became of a batch`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usageArgs(unknownCommand),

		SuggestionsMinimumDistance: 2,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newRun(), newBatch(), newResume(), newRerun(), newReport(), newAdvise(), newDoctor(), newDemo())
	return root
}

// version is the module's version; a build from a checkout says which commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && !strings.Contains(v, s.Value[:min(12, len(s.Value))]) {
			v += " " + s.Value
		}
	}
	return v
}

// unknownCommand refuses what is no command, and says what was meant.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if similar := c.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", similar[0])
	}
	return fmt.Errorf("unknown command %q%s", args[0], hint)
}

// noArgs refuses all arguments.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q takes no arguments, got %q", c.CommandPath(), args)
	}
	return nil
}

// usageArgs makes a mistake in the arguments a usageError.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// exitError carries an exit status out of a command; err, if any, is printed.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// usageError marks a mistake in how the program was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// status prints what an error of the command has to say and turns it into an
// exit status.
func status(command string, err error) int {
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintln(os.Stderr, "cutoff:", exit.err)
		}
		return exit.code
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "cutoff: %v\nSee '%s --help'.\n", err, command)
		return exitUsage
	}
	fmt.Fprintln(os.Stderr, "cutoff:", err)
	return exitOurs
}
