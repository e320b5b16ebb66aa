package cli

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/journal"
)

const batchLong = `Run a command for each line of input, so many at a time, each under its limits.

The input is the values after :::, the lines of a file (-a FILE or :::: FILE),
or the lines of standard input, which are read only as fast as tasks start.
Several ::: and :::: are combined, each value with each of the others ({1} {2});
:::+ links one to the source before it, value by value. With --csv and --tsv the
first line names the columns: {size} is the column called size. --on-bad-input
skip passes over lines that make no task.
With --jsonl each line is a JSON object:

  {"id": "7", "argv": ["minisat", "a b.cnf"], "timeout": "2s"}
  {"cmd": "sort big | head -1", "env": {"LC_ALL": "C"}, "dir": "/data", "stdin": "text"}

In the command {} is the line, {.} the line without its extension, {/} its last
part, {//} its directory, {/.} its last part without extension, {#} the number
of the task, and {1} {2} {1.} {2/} … the columns that --colsep makes. A command
without any of these gets {} appended. Without a command each line is one.

A command given as one argument is a command line. If it is a plain command it
runs without a shell; if it has pipes, redirections, variables, globs or the
like, sh runs it, and every value is quoted for the place where it stands, so
that no file name can break it. A command given as several arguments runs as it
is, without a shell. Options go before the command.

A task reads nothing on its standard input. Its output is shown when it has
ended, in one piece. At its cutoff it is killed with everything it started.

The limits are -t, --cpu, --memory, --idle and --output; they hold for a task's
processes together, and -g makes the end polite. --nofile, --nproc, --no-core,
--nice and --cpus say what each of them gets of the machine. A task in JSON may
bring its own: "cpu": "10s", "memory": "2G", "nofile": 256, "cpus": "0,2-3".

With -t 0.1s,1s,10s every task has a tenth of a second, those that it cut off
get a second each when all have had their turn, and so on: the quick ones are
done first. --retries lets tasks run again that failed or crashed, or ended as
--retry-on says, after a wait that doubles (--retry-delay) and holds up nobody.
--retry-scale 2 doubles the limit that cut a task off. Each attempt is in the
journal; what is shown is the output of a task's last one.

--budget 2h ends the whole batch after that time: what runs is cut off, what has
not started does not. Where the latest end can be promised it is told first.

Exit status: 0 all tasks are ok, 1 some failed or could not start, 3 some were
cut off, or all at the end of the budget, and none failed, 2 wrong use or bad input, 125 cutoff itself failed,
130 interrupted, 141 the reader of standard output has gone.`

const batchExample = `  cutoff batch -t 2s -j 4 './solve {}' ::: *.cnf
  find . -name '*.pdf' | cutoff batch -t 10s --journal pdf.jsonl 'pdftotext {} {.}.txt'
  cutoff batch -t 5s -k --tag 'grep -c foo {} | sort' :::: files.txt
  cutoff batch -t 1m -a pairs.csv --colsep , 'compare {1} {2} > out/{#}.txt'
  cutoff batch -t 5m --cpu 60s --memory 2G --output 10M --no-core './solve {}' ::: *.cnf
  cutoff batch -t 0.1s,1s,10s --journal run.jsonl './solve {}' :::: list.txt
  cutoff batch --retries 3 --retry-on failed,timeout -t 10s 'curl -sfO {}' :::: urls.txt
  cutoff batch --retries 2 --retry-on memory --memory 1G --retry-scale 2 './solve {}' ::: *.cnf
  cutoff batch --budget 8h -t 10m --journal night.jsonl './solve {}' :::: list.txt
  cutoff batch --halt now,fail=1 'make -C {}' ::: */
  cutoff batch -j 200% --delay 0.1s --load 80% --memfree 2G 'convert {} {.}.png' ::: *.svg
  cutoff batch --shuf --jobs-file jobs --journal run.jsonl './solve {}' ::: *.cnf
  cutoff batch -t 1m --results out --max-output 1M './solve {} $CUTOFF_TMPDIR' ::: *.cnf
  cutoff batch './solve --seed {2} {1}' ::: *.cnf ::: 1 2 3
  cutoff batch --csv -a pairs.csv './convert {from} {to}'
  find . -print0 | cutoff batch -0 'sha256sum {}'
  cutoff batch --nice 10 --cpus 2-3 --nofile 256 'make -C {}' ::: */
  cutoff batch --jsonl -j 8 < tasks.jsonl`

// batchOptions are the command's flags.
type batchOptions struct {
	limits    cutoff.Limits
	passes    []time.Duration
	retry     retryFlags
	budget    time.Duration
	halt      haltFlag
	pace      paceFlags
	results   resultFlags
	input     inputFlags
	order     bool
	tag       bool
	journal   string
	sync      string
	ledger    string
	progress  string
	dryRun    bool
	left      leftoversFlag
	resources cutoff.Resources
	level     levelFlag

	again again // what resume and rerun add
}

func newBatch() *cobra.Command { return batchCommand(new(batchOptions)) }

// batchCommand returns the command, which fills in o.
func batchCommand(o *batchOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "batch [OPTION]... [COMMAND [ARG]...] [::: VALUE... | :::: FILE]",
		Short:                 "Run a command for each line of input, each under its limits",
		Long:                  batchLong,
		Example:               batchExample,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), args)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows the command belongs to it
	addLimitFlags(cmd, &o.limits, &o.passes)
	addRetryFlags(cmd, &o.retry)
	addResourceFlags(cmd, &o.resources)
	f.Var((*limitFlag)(&o.budget), "budget", "end the whole batch after this time, with all that runs")
	f.Var(&o.halt, "halt", "end the batch early, as in soon,fail=10 or now,timeout=50%: so many tasks ended so, what runs is waited for (soon) or cut off (now)")
	addPaceFlags(cmd, &o.pace)
	addResultFlags(cmd, &o.results)
	addInputFlags(cmd, &o.input)
	f.BoolVarP(&o.order, "keep-order", "k", false, "show the output in the order of the input")
	f.BoolVar(&o.tag, "tag", false, "put the line, or the task's id, and a tab before each line of output")
	f.StringVar(&o.journal, "journal", "", "record every task in a new `FILE` (JSON Lines, docs/JOURNAL.md)")
	f.StringVar(&o.sync, "sync", "group", "force records to the disk `always`, in groups within a second (group), or never (off)")
	f.StringVar(&o.ledger, "ledger", "", "remember in `FILE` what was cut off, and do not start it again until the limit, the command or its files change")
	f.StringVar(&o.progress, "progress", "auto", "how to show what is going on: bar (on a terminal), plain (lines), json (a line each second), none; auto takes what fits")
	f.Var(&o.left, "leftovers", "what happens to processes that a task leaves behind when it ends by itself")
	f.Var(&o.level, "containment", "what must hold each task's processes together; auto is the strongest to be had here")
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "print the commands and run nothing")
	return cmd
}

func addInputFlags(cmd *cobra.Command, i *inputFlags) {
	f := cmd.Flags()
	f.StringArrayVar(&i.globs, "glob", nil, "the files that match this `PATTERN` (*, ?, [a-z]), as if they stood behind :::")
	f.StringVarP(&i.file, "arg-file", "a", "", "read the lines of `FILE` (- is standard input)")
	f.BoolVarP(&i.null, "null", "0", false, "the lines end with a NUL byte, as those of find -print0")
	f.StringVar(&i.colsep, "colsep", "", "split lines into columns at this regular `EXPRESSION`")
	f.BoolVar(&i.csv, "csv", false, "the input is CSV; its first line names the columns, {name} in the command")
	f.BoolVar(&i.tsv, "tsv", false, "the same with columns that tabs part")
	f.BoolVar(&i.jsonl, "jsonl", false, "the lines are tasks in JSON")
	f.StringVar(&i.onBad, "on-bad-input", "stop", "at a line that makes no task `stop`, or record it as not started and go on (skip)")
}

// addLimitFlags adds the flags of the limits, which batch and rerun share.
func addLimitFlags(cmd *cobra.Command, l *cutoff.Limits, passes *[]time.Duration) {
	f := cmd.Flags()
	f.VarP(timeoutsFlag{&l.Timeout, passes}, "timeout", "t", "cut a task off after this time (2s, 1m30s, 0.5); of several, all tasks get the first, and those that it cuts off the next")
	f.VarP((*limitFlag)(&l.Grace), "grace", "g", "at the cutoff send SIGTERM first and kill after this time")
	f.Var((*limitFlag)(&l.CPU), "cpu", "cut a task off when its processes have used this much processor time")
	f.Var((*sizeFlag)(&l.Memory), "memory", "kill a task whose processes hold more memory than this (512M, 1.5G)")
	f.Var((*limitFlag)(&l.Idle), "idle", "cut a task off when it has written nothing for this time")
	f.Var((*sizeFlag)(&l.Output), "output", "cut a task off when it has written more than this")
}

// check refuses flags that contradict each other or cannot be.
func (o *batchOptions) check(cmd *cobra.Command) error {
	if err := o.pace.check(cmd); err != nil {
		return err
	}
	if _, err := proc.Find(proc.Level(o.level)); err != nil {
		return err // rather than to tell it of every task
	}
	if err := proc.Resources(o.resources).Attainable(); err != nil {
		return usageError{err}
	}
	if err := o.input.check(); err != nil {
		return err
	}
	if err := o.retry.check(cmd); err != nil {
		return err
	}
	return checkSync(cmd, o.sync, o.journal)
}

func checkSync(cmd *cobra.Command, sync, file string) error {
	switch journal.SyncMode(sync) {
	case journal.SyncAlways, journal.SyncGroup, journal.SyncOff:
	default:
		return usagef("--sync %s: use always, group or off", quote(sync))
	}
	if cmd.Flags().Changed("sync") && file == "" {
		return usagef("--sync is about the journal: add --journal FILE")
	}
	return nil
}

// limitFlag is a flag for a limit.
type limitFlag time.Duration

func (l *limitFlag) String() string {
	if *l == 0 {
		return ""
	}
	return time.Duration(*l).String()
}

func (l *limitFlag) Type() string { return "DURATION" }

func (l *limitFlag) Set(s string) error {
	d, err := parseLimit(s)
	*l = limitFlag(d)
	return err
}

// tasks finds out what to run for what.
func (o *batchOptions) tasks(args []string) (iter.Seq2[batch.Task, error], source, error) {
	command, groups, err := splitArgs(args)
	if err != nil {
		return nil, source{}, err
	}
	matches, err := o.input.matches()
	if err != nil {
		return nil, source{}, err
	}
	groups = append(matches, groups...)
	src, err := o.input.open(groups, os.Stdin)
	if err != nil {
		return nil, source{}, err
	}
	parse, err := o.parser(command, src.names, len(groups) > 1)
	if err != nil {
		return nil, source{}, errors.Join(err, src.close())
	}
	if src.terminal && o.again.reads() {
		return nil, source{}, usagef("the lines came from standard input, which is a terminal now: give them again, as in 'cutoff resume JOURNAL < LIST'")
	}
	if src.terminal {
		fmt.Fprintln(os.Stderr, "cutoff: reading the lines from the terminal; Ctrl-D ends them")
	}
	skip := o.input.onBad == "skip"
	if src.again != nil && len(o.again.filters) == 0 { // which can be asked once
		src.ahead = tasksOf(src.again, parse, skip)
	}
	return tasksOf(src.items, parse, skip), src, nil
}

// parser returns what makes a task of an item. The items may come in columns,
// with names or without.
func (o *batchOptions) parser(command, names []string, columns bool) (taskParser, error) {
	var colsep *regexp.Regexp
	if o.input.colsep != "" {
		var err error
		if colsep, err = regexp.Compile(o.input.colsep); err != nil {
			return nil, usagef("--colsep: %w", err)
		}
	}
	columns = columns || names != nil
	switch {
	case o.input.jsonl && len(command) > 0:
		return nil, usagef("with --jsonl each line brings its own command: give none")
	case o.input.jsonl:
		return ofText(parseTaskLine), nil
	case len(command) == 0 && colsep != nil:
		return nil, usagef("--colsep needs a command to put the columns into")
	case len(command) == 0 && columns:
		return nil, usagef("there is no command to put the columns into")
	case len(command) == 0:
		return ofText(commandParser), nil
	case len(command) > 1 && strings.ContainsAny(command[0], " \t"):
		return nil, usagef("the command is given as several arguments and the first, %s, has a space in it: options go before the command, and a command line is one argument", quote(command[0]))
	}
	if names != nil {
		var err error
		if command, err = numberColumns(command, names); err != nil {
			return nil, err
		}
	}
	t, err := compile(command)
	if err != nil {
		return nil, usageError{err}
	}
	if t.cols > 1 && colsep == nil && !columns {
		return nil, usagef("the command asks for column %d: say with --colsep where the columns part", t.cols)
	}
	return templateParser(t, colsep), nil
}
