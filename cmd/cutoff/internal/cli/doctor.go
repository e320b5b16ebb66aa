package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/doctor"
)

const doctorLong = `Prove on this machine that nothing survives its end.

Hostile children ignore SIGTERM, leave their session, fork twice, hold the
output, stop themselves, fork and execute for ever, eat memory, print for ever,
have 1,000 descendants. Each is cut off, again and again, at every containment
level that can be had here; and each is run by a program that is then killed by
SIGKILL. So are functions in the workers of a pool.

A line for each says how many processes survived, and how long it took from the
deadline, or from the death of the program, until the last one was gone. They
are counted by a pipe that all of them hold and in /proc, and not by what
killed them. All children are bounded in number, memory and time.

The exit status is 1 if anything survived.`

const doctorExample = `  cutoff doctor                          # a few minutes
  cutoff doctor --rounds 1               # a quick look
  cutoff doctor --containment sweep
  cutoff doctor --only bomb,comet --rounds 100
  cutoff doctor --compare --rounds 5     # beside GNU timeout and GNU parallel
  cutoff doctor --json > doctor.json`

type doctorOptions struct {
	rounds      int
	timeout     string
	containment string
	only        []string
	compare     bool
	json        bool

	limit time.Duration
	tools func(exe string, levels []doctor.Level) []doctor.Tool // replaced by tests
}

func newDoctor() *cobra.Command { return doctorCommand(&doctorOptions{tools: doctorTools}) }

func doctorCommand(o *doctorOptions) *cobra.Command {
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Prove on this machine that nothing survives its end",
		Long:    doctorLong,
		Example: doctorExample,
		Args:    usageArgs(noArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			return o.run(ctx, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.IntVar(&o.rounds, "rounds", 20, "run each child `N` times")
	f.StringVar(&o.timeout, "timeout", "200ms", "cut the children off after this `DURATION`")
	f.StringVar(&o.containment, "containment", "", "examine this `LEVEL` alone, not all that can be had")
	f.StringSliceVar(&o.only, "only", nil, "run only these `CHILDREN`: "+strings.Join(childNames(), ", "))
	f.BoolVar(&o.compare, "compare", false, "let GNU timeout and GNU parallel have the same children too")
	f.BoolVar(&o.json, "json", false, "print one JSON object (docs/DOCTOR.md)")
	cobra.CheckErr(c.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(childNames(), cobra.ShellCompDirectiveNoFileComp)))
	c.AddCommand(newDoctorCall())
	return c
}

// newDoctorCall is one of doctor's tools: it calls a function in a pool.
func newDoctorCall() *cobra.Command {
	return &cobra.Command{
		Use:    "call FUNCTION PIPE LIMIT RECORD",
		Hidden: true,
		RunE:   func(_ *cobra.Command, args []string) error { return doctor.Call(context.Background(), args) },
	}
}

func childNames() []string {
	var names []string
	for _, s := range doctor.Subjects() {
		names = append(names, s.Name)
	}
	return names
}

func (o *doctorOptions) check() (err error) {
	if o.rounds < 1 {
		return fmt.Errorf("--rounds %d: give at least 1", o.rounds)
	}
	if o.limit, err = parseDuration(o.timeout); err != nil {
		return fmt.Errorf("--timeout: %w", err)
	}
	if o.limit < 10*time.Millisecond || o.limit > 10*time.Second {
		return fmt.Errorf("--timeout %s: give a duration from 10ms to 10s", o.timeout)
	}
	for _, name := range o.only {
		if !slices.Contains(childNames(), name) {
			return fmt.Errorf("--only %s: there are %s", name, strings.Join(childNames(), ", "))
		}
	}
	return nil
}

func (o *doctorOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	levels, err := doctor.FindLevels()
	if err != nil {
		return o.interrupted(ctx, err)
	}
	chosen, err := o.choose(levels)
	if err != nil {
		return err
	}
	tools := o.tools(exe, chosen)
	if o.compare {
		tools = append(tools, doctor.Peers()...)
	}
	r := doctor.Report{
		Format: doctor.ReportFormat, Major: doctor.ReportMajor, Minor: doctor.ReportMinor,
		Time: time.Now(), User: os.Geteuid(), Levels: levels, Rounds: o.rounds, Limit: int64(o.limit),
	}
	r.Containment = levels[slices.IndexFunc(levels, func(l doctor.Level) bool { return l.InForce })].Level
	for _, t := range tools {
		if t.Missing != "" {
			r.Missing = append(r.Missing, doctor.Missing{Tool: t.Name, Why: t.Missing})
		}
	}
	r.Lines, err = doctor.Examine(ctx, doctor.Options{
		Exe: exe, Rounds: o.rounds, Limit: o.limit, Tools: tools, Subjects: o.subjects(), Progress: doctorProgress(stderr),
	})
	if err != nil {
		return o.interrupted(ctx, err)
	}
	return o.conclude(&r, stdout)
}

// conclude prints the report and makes an exit status of it.
func (o *doctorOptions) conclude(r *doctor.Report, stdout io.Writer) error {
	for _, l := range r.Lines {
		if l.Ours() {
			r.Survivors += l.Survivors
		}
	}
	var err error
	if o.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = r.Text(stdout)
	}
	if err == nil && !r.Sound() {
		return exitError{code: exitFailed}
	}
	if err == nil && r.Unproved() > 0 {
		return exitError{code: exitOurs}
	}
	return err
}

// interrupted tells the user's Ctrl-C from a failure.
func (o *doctorOptions) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitError{code: exitInterrupted}
	}
	return err
}

// choose returns the levels to examine.
func (o *doctorOptions) choose(levels []doctor.Level) (chosen []doctor.Level, err error) {
	var names []string
	for _, l := range levels {
		names = append(names, l.Level)
		switch {
		case o.containment == "" && l.Available, o.containment == l.Level && l.Available:
			chosen = append(chosen, l)
		case o.containment == l.Level:
			return nil, fmt.Errorf("containment %s cannot be had: %s", l.Level, l.Reason)
		}
	}
	if len(chosen) == 0 {
		return nil, usageError{fmt.Errorf("--containment %s: there are %s", o.containment, strings.Join(names, ", "))}
	}
	return chosen, nil
}

func (o *doctorOptions) subjects() []doctor.Subject {
	return slices.DeleteFunc(doctor.Subjects(), func(s doctor.Subject) bool {
		return len(o.only) > 0 && !slices.Contains(o.only, s.Name)
	})
}

// doctorTools is this program at each level.
func doctorTools(exe string, levels []doctor.Level) []doctor.Tool {
	var tools []doctor.Tool
	for _, l := range levels {
		tools = append(tools, doctor.Ours(exe, l.Level))
	}
	return tools
}

// doctorProgress returns what tells on a terminal how far it is: one line that
// is written over. Anything else is told nothing.
func doctorProgress(stderr io.Writer) func(what string, done, of int) {
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(what string, done, of int) {
		const clear = "\r\x1b[K"
		if done == of {
			fmt.Fprint(f, clear)
			return
		}
		line := fmt.Sprintf("%d/%d %s", done+1, of, what)
		fmt.Fprint(f, clear, line[:min(len(line), 79)])
	}
}
