// Command bench measures what isolation costs, ours beside the floor and the
// peers that are installed, interleaved in one run:
//
//	go run ./bench              # a table in Markdown
//	go run ./bench -json        # the same as JSON
//	go run ./bench -rounds 9    # more rounds
//	go run ./bench -run warm    # only the groups whose name contains this
//	go run ./bench -full        # the long ones in full length: minutes more
//
// Machines differ and are noisy: the ratios count, not the times. What is not
// installed is named as missing.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cutoff-run/cutoff"
)

// measurement is one row: what was measured, by whom, and the figure of each
// round.
type measurement struct {
	Group  string    `json:"group"`
	Name   string    `json:"name"`
	Unit   unit      `json:"unit"`
	Values []float64 `json:"values"`         // one for each round
	Ratio  float64   `json:"ratio,omitzero"` // median over the median of the first row of the group and figure
	Note   string    `json:"note,omitempty"`
}

// subject is something to be measured. run makes one round; it is called
// rounds times, in turn with the other subjects of its group.
type subject struct {
	name string
	note string // why it is missing; then it is not run
	run  func(context.Context) (float64, error)
	// runAll is in run's place in a group of several figures, and returns them
	// all.
	runAll func(context.Context) ([]float64, error)
}

// group is a set of subjects that are compared. The first is the measure.
type group struct {
	name     string
	subjects []subject
	figures  []figure // what a round yields; nil: one time
	most     int      // rounds, for what takes long; 0: as many as are asked for
}

func main() {
	playFloor()
	playBare()
	cutoff.Init()
	rounds := flag.Int("rounds", 5, "measure each subject `N` times")
	asJSON := flag.Bool("json", false, "print JSON")
	only := flag.String("run", "", "measure only the groups whose name contains `TEXT`")
	full := flag.Bool("full", false, "measure the long ones in full length: minutes more")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	playPart(ctx)
	err := run(ctx, *rounds, *only, *asJSON, *full)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, only string, asJSON, full bool) error {
	if rounds < 1 {
		return fmt.Errorf("-rounds %d: give at least 1", rounds)
	}
	pools, err := openPools()
	if err != nil {
		return err
	}
	defer pools.close()
	wanted := func(name string) bool { return strings.Contains(name, only) }
	prog := &program{}
	if slices.ContainsFunc([]string{batchName, oneName, flatBatchName}, wanted) {
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
	node := &node{}
	if slices.ContainsFunc([]string{warmName, tinyName, overshootName}, wanted) {
		if node, err = installNode(ctx); err != nil {
			return err
		}
		defer node.remove()
	}
	var all []measurement
	var failed error // what others measured counts all the same
	for _, g := range []group{
		pools.warm(floor, node), tiny(node), pools.payload(1<<20, 50, "1 MiB"), pools.payload(64<<20, 3, "64 MiB"),
		pools.fresh(), pools.standby(), starts(), pools.overshoot(node), loaded(), pools.next(),
		functionsAtOnce(50), commandsAtOnce(50), commandsAtOnce(1000), waiting(), mixed(),
		prog.one(), prog.batch(floor), flatMap(), prog.flatBatch(full),
	} {
		if !wanted(g.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s…\n", g.name)
		ms, err := measure(ctx, g, rounds)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		all, failed = append(all, ms...), errors.Join(failed, err)
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return errors.Join(failed, e.Encode(all))
	}
	return errors.Join(failed, printTable(all))
}

// measure runs the group's subjects in turn, round by round. One that fails is
// not run again; the error tells of all that did.
func measure(ctx context.Context, g group, rounds int) (ms []measurement, failed error) {
	figures := g.figures
	if figures == nil {
		figures = []figure{{unit: seconds}}
	}
	for _, f := range figures { // the subjects of the first figure, of the second, …
		for _, s := range g.subjects {
			ms = append(ms, measurement{Group: f.of(g), Name: s.name, Unit: f.unit, Note: s.note})
		}
	}
	if g.most > 0 {
		rounds = min(rounds, g.most)
	}
	for range rounds {
		for i, s := range g.subjects {
			if s.note != "" {
				continue
			}
			values, err := s.round(ctx)
			if err != nil {
				g.subjects[i].note = "it failed"
				failed = errors.Join(failed, fmt.Errorf("%s, %s: %w", g.name, s.name, err))
			}
			for j := range figures {
				m := &ms[j*len(g.subjects)+i]
				if m.Note = g.subjects[i].note; m.Note == "" {
					m.Values = append(m.Values, values[j])
				}
			}
		}
	}
	for rows := range slices.Chunk(ms, len(g.subjects)) {
		for i := range rows {
			rows[i].compare(rows[0])
		}
	}
	return ms, failed
}

func (s subject) round(ctx context.Context) ([]float64, error) {
	if s.runAll != nil {
		return s.runAll(ctx)
	}
	v, err := s.run(ctx)
	return []float64{v}, err
}

func (m *measurement) compare(first measurement) {
	if len(m.Values) > 0 && len(first.Values) > 0 {
		m.Ratio = median(m.Values) / median(first.Values)
	}
}

func printTable(all []measurement) error {
	fmt.Printf("%s/%s, %d processors, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| what\t| by\t| median\t| min\t| max\t| ratio\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, m := range all {
		if m.Note != "" {
			fmt.Fprintf(w, "| %s\t| %s\t| missing: %s\t| \t| \t| \t|\n", m.Group, m.Name, m.Note)
			continue
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %.2f\t|\n", m.Group, m.Name,
			m.Unit.show(median(m.Values)), m.Unit.show(slices.Min(m.Values)), m.Unit.show(slices.Max(m.Values)), m.Ratio)
	}
	return w.Flush()
}
