// Command bench measures what isolation costs, ours beside the floor and the
// peers that are installed, interleaved in one run:
//
//	go run ./bench              # a table in Markdown
//	go run ./bench -json        # the same as JSON
//	go run ./bench -rounds 9    # more rounds
//	go run ./bench -run warm    # only the groups whose name contains this
//
// Machines differ and are noisy: the ratios count, not the times. What is not
// installed is named as missing.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cutoff-run/cutoff"
)

// measurement is one row: what was measured, by whom, and the figure of each
// round.
type measurement struct {
	Group   string    `json:"group"`
	Name    string    `json:"name"`
	Seconds []float64 `json:"seconds"`        // one for each round
	Ratio   float64   `json:"ratio,omitzero"` // median over the median of the group's first row
	Note    string    `json:"note,omitempty"`
}

// subject is something to be measured. run returns the seconds of one round;
// it is called rounds times, in turn with the other subjects of its group.
type subject struct {
	name string
	note string // why it is missing; then run is nil
	run  func(context.Context) (float64, error)
}

// group is a set of subjects that are compared. The first is the measure.
type group struct {
	name     string
	subjects []subject
}

func main() {
	playFloor()
	playBusy()
	cutoff.Init()
	rounds := flag.Int("rounds", 5, "measure each subject `N` times")
	asJSON := flag.Bool("json", false, "print JSON")
	only := flag.String("run", "", "measure only the groups whose name contains `TEXT`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *rounds, *only, *asJSON)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, only string, asJSON bool) error {
	if rounds < 1 {
		return fmt.Errorf("-rounds %d: give at least 1", rounds)
	}
	pools, err := openPools()
	if err != nil {
		return err
	}
	defer pools.close()
	prog := &program{}
	if strings.Contains(batchName, only) || strings.Contains(oneName, only) {
		if prog, err = buildProgram(); err != nil {
			return err
		}
		defer prog.remove()
	}
	floor, err := buildFloor()
	if err != nil {
		return err
	}
	defer floor.remove()
	var all []measurement
	for _, g := range []group{
		pools.warm(floor), tiny(), pools.payload(1<<20, 50, "1 MiB"), pools.payload(64<<20, 3, "64 MiB"),
		pools.fresh(), pools.overshoot(), pools.next(), mixed(), prog.one(), prog.batch(floor),
	} {
		if !strings.Contains(g.name, only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s…\n", g.name)
		ms, err := measure(ctx, g, rounds)
		if err != nil {
			return err
		}
		all = append(all, ms...)
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	return printTable(all)
}

// measure runs the group's subjects in turn, round by round.
func measure(ctx context.Context, g group, rounds int) ([]measurement, error) {
	ms := make([]measurement, len(g.subjects))
	for i, s := range g.subjects {
		ms[i] = measurement{Group: g.name, Name: s.name, Note: s.note}
	}
	for range rounds {
		for i, s := range g.subjects {
			if s.run == nil {
				continue
			}
			seconds, err := s.run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", g.name, s.name, err)
			}
			ms[i].Seconds = append(ms[i].Seconds, seconds)
		}
	}
	for i := range ms {
		if len(ms[i].Seconds) > 0 && len(ms[0].Seconds) > 0 {
			ms[i].Ratio = median(ms[i].Seconds) / median(ms[0].Seconds)
		}
	}
	return ms, nil
}

func median(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func printTable(all []measurement) error {
	fmt.Printf("%s/%s, %d processors, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| what\t| by\t| median\t| min\t| max\t| ratio\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, m := range all {
		if len(m.Seconds) == 0 {
			fmt.Fprintf(w, "| %s\t| %s\t| missing: %s\t| \t| \t| \t|\n", m.Group, m.Name, m.Note)
			continue
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %.2f\t|\n", m.Group, m.Name,
			show(median(m.Seconds)), show(slices.Min(m.Seconds)), show(slices.Max(m.Seconds)), m.Ratio)
	}
	return w.Flush()
}

// show prints seconds with three digits.
func show(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
