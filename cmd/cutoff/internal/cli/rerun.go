package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
	"github.com/cutoff-run/cutoff/journal"
)

const rerunLong = `Run those tasks of a batch again that ended in a certain way, under other limits.

The command line and the directory are those of the batch, from its journal;
the limits given here take the place of the batch's and of the tasks' own, and
--retries with what belongs to it that of the batch's. The input is read again:
lines that came from standard input have to be given again. Tasks are told by
what they run and their input, not by their number.

The records go into a new journal: one journal, one set of rules, one end for
each task. The old one is only read. 'cutoff resume' goes on with the new one
too.

Exit status: that of 'cutoff batch', for the tasks that ran again.`

const rerunExample = `  cutoff rerun run.jsonl -t 60s
  cutoff rerun run.jsonl --only timeout,memory,failed -t 60s --journal hard.jsonl
  cutoff rerun -n run.jsonl         # which would run`

// rerunOptions are the command's flags.
type rerunOptions struct {
	only    []string
	limits  cutoff.Limits
	passes  []time.Duration
	retry   retryFlags
	jobs    string
	journal string
	sync    string
	results string
	dryRun  bool
}

// outcomes are the words that --only takes.
var outcomes = []string{
	string(cutoff.OK), string(cutoff.Failed), string(cutoff.Timeout), string(cutoff.CPU), string(cutoff.Memory), string(cutoff.Idle),
	string(cutoff.Output), string(cutoff.Crashed), string(cutoff.Canceled), string(cutoff.NotStarted),
}

// cutOffs are those of tasks that were cut off.
func cutOffs() (words []string) {
	for _, o := range outcomes {
		if cutoff.Outcome(o).CutOff() {
			words = append(words, o)
		}
	}
	return words
}

func newRerun() *cobra.Command { return rerunCommand(new(rerunOptions)) }

// rerunCommand returns the command, which fills in o.
func rerunCommand(o *rerunOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "rerun JOURNAL [OPTION]...",
		Short:                 "Run the hopeless tasks of a batch again, under other limits",
		Long:                  rerunLong,
		Example:               rerunExample,
		Args:                  usageArgs(oneJournal),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return o.run(cmd, args[0])
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.only, "only", cutOffs(), "run the tasks with these `OUTCOMES` again")
	addLimitFlags(cmd, &o.limits, &o.passes)
	addRetryFlags(cmd, &o.retry)
	f.Lookup("retries").Usage += " (default as in the batch)"
	f.StringVarP(&o.jobs, "jobs", "j", "", "how many tasks run at a time: `N`, N% of the processors, or +N above their number (default as in the batch)")
	f.StringVar(&o.journal, "journal", "", "record every task in a new `FILE` (default JOURNAL with .rerun-N in its name)")
	f.StringVar(&o.sync, "sync", "", "when records are forced to the disk: always, group or off (default as in the batch)")
	f.StringVar(&o.results, "results", "", "write the output and the record of every attempt into files below `DIR` (default none)")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "print the commands and run nothing")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(outcomes, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (o *rerunOptions) check(cmd *cobra.Command) error {
	for _, word := range o.only {
		if !slices.Contains(outcomes, word) {
			return usagef("--only %s: there are %s", quote(word), strings.Join(outcomes, ", "))
		}
	}
	if _, err := (&paceFlags{jobs: o.jobs}).slots(); err != nil {
		return err
	}
	if err := o.retry.check(cmd); err != nil {
		return err
	}
	if o.sync == "" {
		return nil
	}
	return checkSync(cmd, o.sync, "the new journal")
}

// run is the command.
func (o *rerunOptions) run(cmd *cobra.Command, path string) error {
	abs := absolute(path)
	j, err := o.recorded(cmd, abs)
	if err != nil {
		return err
	}
	chosen := j.o.again.filters[len(j.o.again.filters)-1]
	if chosen.wanted == 0 {
		fmt.Fprintf(os.Stderr, "cutoff: nothing to do: no task of %s ended as one of %s\n", progress.OneLine(path, 200), strings.Join(o.only, ", "))
		return nil
	}
	if j.o.journal = o.journal; o.journal == "" {
		j.o.journal = freeName(abs)
	} else if o.journal != "-" { // which is refused
		j.o.journal = absolute(o.journal)
	}
	j.o.again.argv = withAbsolute(os.Args, path, abs)
	if err := j.enter(); err != nil {
		return err
	}
	if !o.dryRun {
		fmt.Fprintf(os.Stderr, "cutoff: running %s again; the records go to %s\n", progress.Counted(chosen.wanted, "task"), progress.OneLine(j.o.journal, 200))
	}
	return j.o.run(cmd.Context(), j.args)
}

// recorded returns the batch whose journal path is, with the choice among its tasks
// and the limits that o asks for.
func (o *rerunOptions) recorded(cmd *cobra.Command, path string) (*recorded, error) {
	h, err := readHeader(path)
	if err != nil {
		return nil, err
	}
	j, err := recordedBy(path, h)
	if err != nil {
		return nil, err
	}
	s, err := readState(path)
	if err != nil {
		return nil, err
	}
	wanted := func(t journal.TaskState) bool { return slices.Contains(o.only, string(t.Outcome)) }
	j.o.again.filters = append(j.o.again.filters, &filter{
		state: s, limits: o.limits, wanted: int64(s.Count(wanted)),
		pass: func(t journal.TaskState, _ bool) bool { return wanted(t) },
	})
	j.o.limits = over(j.o.limits, o.limits)
	if o.limits.Timeout != 0 {
		j.o.passes = o.passes
	}
	if cmd.Flags().Changed("retries") {
		j.o.retry = o.retry
	}
	j.o.dryRun = o.dryRun
	j.o.results.dir = o.results // that of the batch holds its own
	if o.sync != "" {
		j.o.sync = o.sync
	}
	if o.jobs != "" {
		j.o.pace.jobs, j.o.pace.jobsFile = o.jobs, ""
	}
	return j, nil
}

// over returns the limits of base with those in their place that are set in
// top.
func over(base, top cutoff.Limits) cutoff.Limits {
	b, t := reflect.ValueOf(&base).Elem(), reflect.ValueOf(top)
	for i := range b.NumField() {
		if !t.Field(i).IsZero() {
			b.Field(i).Set(t.Field(i))
		}
	}
	return base
}

// without returns the limits of base but for those that are set in top.
func without(base, top cutoff.Limits) cutoff.Limits {
	b, t := reflect.ValueOf(&base).Elem(), reflect.ValueOf(top)
	for i := range b.NumField() {
		if !t.Field(i).IsZero() {
			b.Field(i).SetZero()
		}
	}
	return base
}

// freeName returns a name beside that of a journal which is not in use:
// run.rerun-1.jsonl for run.jsonl.
func freeName(path string) string {
	ext := filepath.Ext(path)
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.rerun-%d%s", strings.TrimSuffix(path, ext), n, ext)
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) || n == 1000 {
			return name
		}
	}
}

// withAbsolute returns the command line argv with the one argument of rerun,
// path, made absolute: a resume reads the line in another directory.
func withAbsolute(argv []string, path, abs string) []string {
	for i := 2; i < len(argv); i++ {
		if argv[i] != path {
			continue
		}
		with := slices.Clone(argv)
		with[i] = abs + "\x00" // no argument can be like this one
		cmd := rerunCommand(new(rerunOptions))
		if cmd.ParseFlags(with[2:]) == nil && slices.Equal(cmd.Flags().Args(), []string{with[i]}) {
			with[i] = abs
			return with
		}
	}
	return argv
}
