package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff"
)

// doStuff is the function of the blog post that the project began with. It
// ignores its context: it is stopped all the same.
var doStuff = cutoff.Register("do_stuff", func(_ context.Context, s stuff) (string, error) {
	time.Sleep(s.sleep())
	return fmt.Sprintf("slept for %ds", s.Seconds), nil
})

// stuff is how long to sleep: so many seconds, each as long as Scale says.
type stuff struct {
	Seconds int
	Scale   float64
}

func (s stuff) sleep() time.Duration { return scaled(time.Duration(s.Seconds)*time.Second, s.Scale) }

func scaled(d time.Duration, scale float64) time.Duration {
	return time.Duration(float64(d) * scale)
}

type demoOptions struct {
	count int
	seed  uint64
	max   time.Duration
	scale float64
}

func newDemo() *cobra.Command {
	o := demoOptions{max: 5010 * time.Millisecond}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch hopeless calls being cut off while the others finish",
		Long: `Watch hopeless calls being cut off while the others finish.

For ever: choose a duration from 1 to 10 seconds, call a function that sleeps
that long in a process of its own, under a limit of 5.01 s, and print what it
returned, or that it took too long. Ctrl-C ends it with everything it started.`,
		Example: `  cutoff demo
  cutoff demo --count 5 --seed 1
  cutoff demo --count 20 --scale 0.01   # a hundred times faster`,
		Args: usageArgs(noArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.IntVar(&o.count, "count", 0, "stop after `N` calls (0: never)")
	f.Uint64Var(&o.seed, "seed", 0, "choose the durations by this seed (0: at random)")
	f.Func("max", "the limit, a `DURATION`: 5.01s, 500ms, or a number of seconds (default 5.01s)", func(s string) (err error) {
		o.max, err = parseDuration(s)
		return err
	})
	f.Float64Var(&o.scale, "scale", 1, "make every duration and the limit `F` times as long; what is printed stays")
	return c
}

func (o demoOptions) check() error {
	switch {
	case o.count < 0:
		return fmt.Errorf("--count %d: give a number of calls, or 0 for no end", o.count)
	case o.max <= 0:
		return fmt.Errorf("--max %v: give a duration above zero, such as 5.01s", o.max)
	case !(o.scale > 0 && o.scale <= 1000):
		return fmt.Errorf("--scale %v: give a factor above 0 and up to 1000, such as 0.01", o.scale)
	}
	return nil
}

// run is the loop. An interruption ends it between two words: the line that is
// being printed is completed by a line break only.
func (o demoOptions) run(ctx context.Context, out io.Writer) error {
	pool, err := cutoff.NewPool(cutoff.PoolOptions{
		Workers:  1,
		Spares:   1,
		MaxCalls: 1, // a process of its own for each call
		Limits:   cutoff.Limits{Timeout: max(scaled(o.max, o.scale), 1)},
	})
	if err != nil {
		return err
	}
	defer pool.Kill()
	for seconds := range o.durations() {
		if _, err := fmt.Fprintf(out, "duration = %d: ", seconds); err != nil {
			return err
		}
		said, err := doStuff.Call(ctx, pool, stuff{seconds, o.scale})
		switch {
		case ctx.Err() != nil:
			fmt.Fprintln(out)
			return exitError{code: exitInterrupted}
		case errors.Is(err, cutoff.ErrTimeout):
			said = "took too long"
		case err != nil:
			fmt.Fprintln(out)
			return err
		}
		if _, err := fmt.Fprintln(out, said); err != nil {
			return err
		}
	}
	return nil
}

// durations chooses them, in seconds.
func (o demoOptions) durations() func(yield func(int) bool) {
	seed := o.seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	r := rand.New(rand.NewPCG(seed, 0))
	return func(yield func(int) bool) {
		for n := 0; o.count == 0 || n < o.count; n++ {
			if !yield(1 + r.IntN(10)) {
				return
			}
		}
	}
}
