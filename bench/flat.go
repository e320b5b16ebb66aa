package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// What the program that holds the limits needs of memory at most, for a tenth
// of the tasks and for all of them: nothing that it keeps grows with them. Both
// read their tasks as they go, and so cannot know how many there will be.

const flatCalls = 1_000_000

func flatMap() group {
	of := func(n int) subject {
		return subject{name: fmt.Sprintf("cutoff, Map, %d calls", n), note: noProc, runAll: func(ctx context.Context) ([]float64, error) {
			return runPart(ctx, "map", n)
		}}
	}
	return group{
		name: "peak memory of the program, tiny calls", figures: []figure{{unit: mib}}, most: 1,
		subjects: []subject{of(flatCalls / 10), of(flatCalls)},
	}
}

// mapPeak is the part "map": the peak after n calls.
func mapPeak(ctx context.Context, n int) ([]float64, error) {
	if _, err := mapTiny(ctx, 0, n); err != nil {
		return nil, err
	}
	peak, err := procStatus(os.Getpid(), "VmHWM")
	return []float64{peak / 1024}, err
}

// flatTasks is how many commands the batch has.
func flatTasks(full bool) int {
	if full {
		return 100_000
	}
	return 20_000
}

const flatBatchName = "peak memory of cutoff batch, true"

func (p *program) flatBatch(full bool) group {
	of := func(n int) subject {
		return subject{name: fmt.Sprintf("cutoff batch, %d commands", n), note: noProc, run: func(ctx context.Context) (float64, error) {
			return p.batchPeak(ctx, n)
		}}
	}
	return group{
		name: flatBatchName, figures: []figure{{unit: mib}}, most: 1,
		subjects: []subject{of(flatTasks(full) / 10), of(flatTasks(full))},
	}
}

// batchPeak is the peak of a batch of n commands. It is looked at while the
// batch runs: what the kernel tells of a process that has ended counts our own
// peak in.
func (p *program) batchPeak(ctx context.Context, n int) (peak float64, err error) {
	c := exec.CommandContext(ctx, p.exe, "batch", "-t", "5s", "-j", "2", "--progress", "none", "true")
	c.Stdin = strings.NewReader(strings.Repeat("x\n", n))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for look := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case err := <-ended:
			if err != nil {
				return 0, fmt.Errorf("%w\n%s", err, strings.TrimSpace(out.String()))
			}
			return peak / 1024, nil
		case <-look.C:
			if now, err := procStatus(c.Process.Pid, "VmHWM"); err == nil { // else it has just ended
				peak = max(peak, now)
			}
		}
	}
}
