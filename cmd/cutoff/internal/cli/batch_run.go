package cli

import (
	"context"
	"errors"
	"iter"
	"os"
	"syscall"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/journal"
)

// run is the command.
func (o *batchOptions) run(ctx context.Context, args []string) (err error) {
	tasks, src, err := o.tasks(args)
	if err != nil {
		return err
	}
	defer func() { _ = src.close() }()
	for _, f := range o.again.filters {
		tasks = f.of(tasks)
	}
	tasks = o.pace.order(tasks)
	if o.dryRun {
		return dryRun(os.Stdout, tasks)
	}
	// A list that is in a file is at hand as well: what the budget leaves of it is
	// recorded, each task.
	src.finite = src.finite || o.budget > 0 && src.again != nil
	opts, err := o.options(src.finite)
	if err != nil {
		return err
	}
	view, err := o.view(&opts)
	if err != nil {
		return err
	}
	if opts.Hold, err = o.pace.hold(opts.Stderr); err != nil {
		closeView(view)
		return err
	}
	closeFiles, err := o.openFiles(&opts)
	if err != nil {
		closeView(view)
		return err
	}
	temp, removeTemp, err := tempDir()
	if err != nil {
		closeView(view)
		return errors.Join(err, closeFiles())
	}
	defer removeTemp()
	var t tally
	opts.OnEvent = func(e batch.Event) {
		t.event(e)
		if view != nil {
			view.Event(e)
		}
		tellStopping(opts.Stderr, e)
	}
	sum, err := o.runTasks(ctx, tasks, src, temp, view, opts)
	closeView(view)
	if cerr := closeFiles(); err == nil {
		err = cerr
	}
	if err == nil {
		sum.Missing += o.again.missing()
		if err := emptyAgain(src, opts.Resume, sum); err != nil {
			return err
		}
	}
	t.print(os.Stderr, sum, !src.finite)
	return batchStatus(sum, err)
}

// options are the rules of the batch, but for what has to be opened for them.
func (o *batchOptions) options(finite bool) (opts batch.Options, err error) {
	opts = batch.Options{
		Limits: o.limits, Passes: o.passes, Retry: o.retry.rule(), Budget: o.budget, Halt: o.halt, Delay: o.pace.delay,
		KeepOrder: o.order, Tag: o.tag, Results: o.results.dir, MaxOutput: o.results.most, Finite: finite,
	}
	opts.Slots, err = o.pace.slots()
	return opts, err
}

// runTasks runs the batch, with all that comes to it from outside meanwhile:
// signals, another number of tasks.
func (o *batchOptions) runTasks(ctx context.Context, tasks iter.Seq2[batch.Task, error], src source, temp string, view *progress.View, opts batch.Options) (batch.Summary, error) {
	ctx, stop, release := interruptible(ctx)
	defer release()
	opts.Stop = stop
	resize, ignore := o.pace.resized(opts.Stderr, opts.Slots)
	defer ignore()
	opts.Resize = resize
	o.pace.tellSeed(opts.Stderr)
	o.lookAhead(src.ahead, opts).tell(os.Stderr, view)
	runner := batch.CommandRunner{
		Leftovers: cutoff.Leftovers(o.left), Containment: string(o.level), Resources: o.resources,
		TempDirs: batch.NewTempDirs(temp), Commands: new(batch.Commands),
	}
	defer control(runner.Commands, view)()
	return batch.Run(ctx, runner, tasks, opts)
}

// openFiles opens the journal and the ledger, where they are wanted.
func (o *batchOptions) openFiles(opts *batch.Options) (closeAll func() error, err error) {
	if err := o.results.prepare(o.again.resume); err != nil {
		return nil, err
	}
	if o.ledger != "" {
		if opts.Ledger, err = batch.OpenLedger(o.ledger); err != nil {
			return nil, usageError{err}
		}
	}
	if o.journal != "" {
		err = o.openJournal(opts)
	}
	closeAll = func() (err error) {
		if opts.Journal != nil {
			err = opts.Journal.Close()
		}
		if opts.Ledger != nil {
			err = errors.Join(err, opts.Ledger.Close())
		}
		return err
	}
	if err != nil {
		_ = closeAll() // err says what is wrong
	}
	return closeAll, err
}

// openJournal starts the journal, or goes on with it. What is wrong with the
// name that was given is a mistake of use; anything else is ours.
func (o *batchOptions) openJournal(opts *batch.Options) (err error) {
	if o.journal == "-" {
		return usagef("--journal -: standard output belongs to the tasks; name a file")
	}
	level, err := proc.Find(proc.Level(o.level))
	if err != nil {
		return err
	}
	header := journal.Header{
		Program: "cutoff " + version(), Argv: o.again.argv, Slots: opts.Slots, Seed: o.pace.seed, Limits: opts.Limits,
		Containment: string(level),
	}
	with := journal.Options{Sync: journal.SyncMode(o.sync)}
	if o.again.resume {
		opts.Journal, opts.Resume, err = journal.Resume(o.journal, header, with)
	} else {
		opts.Journal, err = journal.Create(o.journal, header, with)
	}
	for _, mistake := range []error{journal.ErrExists, journal.ErrNotJournal, journal.ErrLocked, os.ErrNotExist, os.ErrPermission, syscall.EISDIR} {
		if errors.Is(err, mistake) {
			return usageError{err}
		}
	}
	if err == nil && o.again.resume {
		tellState(os.Stderr, o.journal, opts.Resume)
	}
	return err
}
