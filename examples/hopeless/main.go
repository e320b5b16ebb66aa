// Hopeless runs a batch in which a few items never end: broken PDF files
// through rsc.io/pdf, and regular expressions with nested quantifiers through
// github.com/dlclark/regexp2. Neither library can be told to stop; both run in
// worker processes, and whatever is not done within the limit is cut off.
//
//	go run ./examples/hopeless
//	go run ./examples/hopeless --pdfs 400 --regexps 200 --journal run.jsonl
//	go run ./examples/hopeless --show regexp:38
//
// Progress goes to standard error, the summary to standard output.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

func main() {
	cutoff.Init()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case errors.Is(err, context.Canceled):
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "hopeless:", err)
		os.Exit(1)
	}
}

type options struct {
	pdfs, regexps, workers int
	seed                   uint64
	limit                  time.Duration
	journal, show          string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("hopeless", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.pdfs, "pdfs", 4000, "`number` of broken PDF files")
	f.IntVar(&o.regexps, "regexps", 2000, "`number` of regular expressions")
	f.DurationVar(&o.limit, "limit", 500*time.Millisecond, "cut a task off after this `time`")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "`number` of tasks that run at once")
	f.Uint64Var(&o.seed, "seed", 1, "`number` that all randomness comes from")
	f.StringVar(&o.journal, "journal", "", "write the journal of the batch to this `file`, for cutoff report")
	f.StringVar(&o.show, "show", "", "print the input of the task of this `name` (pdf:17) and do nothing else")
	err := f.Parse(args)
	if err == nil && (f.NArg() > 0 || o.pdfs < 0 || o.regexps < 0 || o.workers < 1 || o.limit < 0) {
		err = errors.New("a number is out of range, or there is an argument that is no option: see --help")
	}
	return o, err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.show != "" {
		t, err := find(o.seed, o.show)
		if err == nil {
			_, err = stdout.Write(t.input)
		}
		return err
	}

	limits := cutoff.Limits{Timeout: o.limit}
	pool, err := cutoff.NewPool(cutoff.PoolOptions{
		Workers:   o.workers,
		Spares:    o.workers,  // a worker that is killed has its successor waiting
		Limits:    limits,     // of each task
		MaxMemory: 256 << 20,  // some files make the library take a lot before they end
		Stdout:    io.Discard, // both print what they think of their input
		Stderr:    io.Discard,
	})
	if err != nil {
		return err
	}
	defer pool.Close()
	log, err := openLog(o.journal, journal.Header{
		Program: "examples/hopeless", Containment: pool.Stats().Containment, Slots: o.workers, Limits: limits,
	})
	if err != nil {
		return err
	}
	defer func() { // its first failure is the one to tell
		if failed := log.close(); failed != nil {
			err = failed
		}
	}()

	sum := newSummary(o)
	tasks := batch(o.seed, map[string]int{kindPDF: o.pdfs, kindRegexp: o.regexps})
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for a := range work(ctx, pool, o.workers, tasks, log) {
		if a.lost != nil {
			return a.lost
		}
		sum.add(a)
		select {
		case <-tick.C:
			sum.progress(stderr)
		default:
		}
	}
	sum.print(stdout)
	return ctx.Err()
}
