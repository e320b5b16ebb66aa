package cli

import (
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff/batch"
)

// paceFlags say how many tasks run at a time, when they start and in which
// order.
type paceFlags struct {
	jobs     string // as it was given; empty: one for each processor
	jobsFile string
	shuffle  bool
	seed     int64 // 0: none yet
	delay    time.Duration
	load     string
	memFree  int64
}

func addPaceFlags(cmd *cobra.Command, p *paceFlags) {
	f := cmd.Flags()
	f.StringVarP(&p.jobs, "jobs", "j", "", "how many tasks run at a time: `N`, N% of the processors, or +N above their number (default one for each)")
	f.StringVar(&p.jobsFile, "jobs-file", "", "read that from `FILE`, also when it changes while tasks run")
	f.BoolVar(&p.shuffle, "shuf", false, "run the tasks in random order")
	f.Int64Var(&p.seed, "seed", 0, "that of --shuf with this `N`, for the same order again (default one by chance, which is told)")
	f.Var((*limitFlag)(&p.delay), "delay", "let this time pass between two starts")
	f.StringVar(&p.load, "load", "", "start nothing while the machine's load is above `N`, or N% of the processors (Linux)")
	f.Var((*sizeFlag)(&p.memFree), "memfree", "start nothing while less memory than this is to be had (Linux)")
}

func (p *paceFlags) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	if changed("jobs") && p.jobsFile != "" {
		return usagef("both -j and --jobs-file say how many tasks run: give one")
	}
	if changed("seed") && (!p.shuffle || p.seed == 0) {
		return usagef("--seed is that of --shuf, and not zero: add --shuf")
	}
	if _, err := p.slots(); err != nil {
		return err
	}
	if _, err := p.hold(io.Discard); err != nil {
		return err
	}
	return nil
}

// slots returns how many tasks run at a time to begin with.
func (p *paceFlags) slots() (int, error) {
	if p.jobsFile != "" {
		n, err := readJobs(p.jobsFile)
		if err != nil {
			return 0, usagef("--jobs-file: %w", err)
		}
		if n == 0 {
			return 0, usagef("--jobs-file: %s: at least one task must run to begin with", p.jobsFile)
		}
		return n, nil
	}
	if p.jobs == "" {
		return runtime.GOMAXPROCS(0), nil
	}
	n, err := parseJobs(p.jobs, runtime.GOMAXPROCS(0))
	if err != nil {
		return 0, usagef("-j %w", err)
	}
	return n, nil
}

// parseJobs reads a number of tasks: "8", "50%" and "+2" of the processors.
func parseJobs(s string, processors int) (int, error) {
	more, relative := strings.CutPrefix(s, "+")
	share, percent := strings.CutSuffix(s, "%")
	switch {
	case relative:
		n, err := strconv.Atoi(more)
		if err == nil && n >= 0 && n <= math.MaxInt32 {
			return processors + n, nil
		}
	case percent:
		x, err := strconv.ParseFloat(share, 64)
		if n := math.Round(x / 100 * float64(processors)); err == nil && x > 0 && n <= math.MaxInt32 {
			return max(1, int(n)), nil
		}
	default:
		n, err := strconv.Atoi(s)
		if err == nil && n >= 1 {
			return n, nil
		}
		if err == nil {
			return 0, fmt.Errorf("%d: at least one task must run at a time", n)
		}
	}
	return 0, fmt.Errorf("%s: write 8, 50%% or +2", quote(s))
}

// readJobs reads a jobs file: the first word counts. Zero is right in it: it
// pauses the batch.
func readJobs(name string) (int, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	words := strings.Fields(string(text))
	if len(words) == 0 {
		return 0, fmt.Errorf("%s is empty: write how many tasks run at a time", name)
	}
	if words[0] == "0" {
		return 0, nil
	}
	n, err := parseJobs(words[0], runtime.GOMAXPROCS(0))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

// jobsEvery is how often a jobs file is read.
const jobsEvery = time.Second

// resized hands over what the jobs file says whenever that changes. What it
// says wrong is told, and the last number stays.
func (p *paceFlags) resized(w io.Writer, now int) (resize <-chan int, release func()) {
	if p.jobsFile == "" {
		return nil, func() {}
	}
	numbers, done, gone := make(chan int), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(jobsEvery)
		defer tick.Stop()
		last := ""
		for {
			select {
			case <-tick.C:
			case <-done:
				return
			}
			n, err := readJobs(p.jobsFile)
			if err != nil {
				if err.Error() != last {
					fmt.Fprintf(w, "cutoff: --jobs-file: %v; still %d\n", err, now)
				}
				last = err.Error()
				continue
			}
			if last = ""; n == now {
				continue
			}
			select {
			case numbers <- n:
				now = n
			case <-done:
				return
			}
		}
	}()
	return numbers, func() {
		close(done)
		<-gone
	}
}

// shuffled returns the tasks in random order, which it has to read all for.
// They keep what their place in the list gave them: {#}.
func shuffled(tasks iter.Seq2[batch.Task, error], seed int64) iter.Seq2[batch.Task, error] {
	return func(yield func(batch.Task, error) bool) {
		var all []batch.Task
		for t, err := range tasks {
			if err != nil {
				yield(t, err)
				return
			}
			all = append(all, t)
		}
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, t := range all {
			if !yield(t, nil) {
				return
			}
		}
	}
}

// order brings the tasks into the order that was asked for.
func (p *paceFlags) order(tasks iter.Seq2[batch.Task, error]) iter.Seq2[batch.Task, error] {
	if !p.shuffle {
		return tasks
	}
	for p.seed == 0 { // zero means none
		p.seed = int64(rand.Uint32()) // short enough to be typed
	}
	return shuffled(tasks, p.seed)
}

// tellSeed says how the order can be had again.
func (p *paceFlags) tellSeed(w io.Writer) {
	if p.shuffle {
		fmt.Fprintf(w, "cutoff: shuffled with --seed %d\n", p.seed)
	}
}
