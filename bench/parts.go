package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A part is a measurement of a process as a whole, its memory for one. It runs
// in one of its own, so that what was measured before does not count: this
// program, which is told so and prints the figures.

// partVar is the part's name and what it gets.
const partVar = "CUTOFF_BENCH_PART"

var parts = map[string]func(ctx context.Context, n int) ([]float64, error){
	"waiting": waitTogether,
	"map":     mapPeak,
}

// playPart never returns in a process that is to play a part.
func playPart(ctx context.Context) {
	name, arg, ok := strings.Cut(os.Getenv(partVar), " ")
	if !ok {
		return
	}
	go func() { // until the parent is gone
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(1)
	}()
	n, err := strconv.Atoi(arg)
	var figures []float64
	if err == nil {
		figures, err = parts[name](ctx, n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	for _, f := range figures {
		fmt.Println(f)
	}
	os.Exit(0)
}

// partBound is how long a part may take.
const partBound = 10 * time.Minute

func runPart(ctx context.Context, name string, n int) ([]float64, error) {
	ctx, stop := context.WithTimeout(ctx, partBound)
	defer stop()
	c := exec.CommandContext(ctx, "/proc/self/exe")
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", partVar, name, n))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := c.Output()
	if err != nil {
		return nil, err
	}
	var figures []float64
	for _, s := range strings.Fields(string(out)) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	return figures, nil
}
