package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// newRun is cutoff run: GNU timeout's options, durations, exit statuses and
// signal rules, and more. docs/RUN.md holds it against the original.
func newRun() *cobra.Command {
	return runCommand(&runOptions{program: "cutoff", invoked: "cutoff run", duration: parseDuration})
}

// newTimeout is the same under the name of the program whose place it takes:
// the original's messages and its notation of durations. Daemons that a
// command leaves behind on purpose are left alone, as they are used to.
func newTimeout() *cobra.Command {
	return runCommand(&runOptions{program: "timeout", invoked: "timeout", duration: parseGNUDuration, leave: true})
}

// runCommand leaves the parsing of the line to runOptions: GNU's rules for
// options are not those of the other commands.
func runCommand(o *runOptions) *cobra.Command {
	use := "run DURATION COMMAND [ARG]..."
	if o.program == "timeout" {
		use = "timeout DURATION COMMAND [ARG]..."
	}
	cmd := &cobra.Command{
		Use:                   use,
		Short:                 "Run one command under a hard limit, in the place of GNU timeout",
		Example:               runExamples,
		DisableFlagParsing:    true,
		DisableFlagsInUseLine: true,
		SilenceUsage:          true,
		SilenceErrors:         true,
		ValidArgsFunction:     completeRun,
		RunE: func(_ *cobra.Command, args []string) error {
			return o.run(args)
		},
	}
	cmd.SetHelpFunc(func(c *cobra.Command, _ []string) { _ = o.printHelp(c.OutOrStdout()) }) // Main tells
	return cmd
}

// run does what the line says and returns an exitError with the status, or nil
// for 0.
func (o *runOptions) run(args []string) error {
	o.signal = defaultSignal
	if err := o.parse(args); err != nil {
		return o.misused(err)
	}
	switch {
	case o.help:
		return o.printed(o.printHelp(os.Stdout))
	case o.version:
		return o.printed(o.printVersion(os.Stdout))
	}
	code, err := o.supervise()
	if err != nil {
		_ = o.diagnose("%v", err)
	}
	if code == 0 {
		return nil
	}
	return exitError{code: code}
}

// misused reports a mistake on the command line.
func (o *runOptions) misused(err error) error {
	switch {
	case !errors.Is(err, errOperands):
		_ = o.diagnose("%v", err)
	case o.program != "timeout": // GNU's says nothing
		_ = o.diagnose("run needs a duration and a command")
	}
	fmt.Fprintf(os.Stderr, "Try '%s --help' for more information.\n", o.invoked)
	return exitError{code: exitOurs}
}

// printed turns the outcome of printing help into an exit status.
func (o *runOptions) printed(err error) error {
	if err == nil {
		return nil
	}
	_ = o.diagnose("write error: %v", err)
	return exitError{code: exitOurs}
}

// diagnose prints one line to standard error.
func (o *runOptions) diagnose(format string, args ...any) error {
	_, err := fmt.Fprintf(os.Stderr, o.program+": "+format+"\n", args...)
	return err
}
