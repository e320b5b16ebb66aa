package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// batchTasks is how many commands a batch has.
const batchTasks = 2000

var batchName = fmt.Sprintf("batch, %d × true on 2 slots", batchTasks)

// batchBench is the batch of many short commands, and the program built for it.
type batchBench struct {
	group
	dir string
}

// batchGroup is 2,000 × true on two slots under a limit of 5 s: xargs with
// timeout, which is the limit that many use, xargs without any, and ours.
func batchGroup() (*batchBench, error) {
	dir, err := os.MkdirTemp("", "cutoff-bench-*")
	if err != nil {
		return nil, err
	}
	b := &batchBench{dir: dir}
	exe := filepath.Join(dir, "cutoff")
	if out, err := exec.Command("go", "build", "-o", exe, "./cmd/cutoff").CombinedOutput(); err != nil {
		b.remove()
		return nil, fmt.Errorf("build the program (run bench from the repository's root): %w\n%s", err, out)
	}
	b.group = group{batchName, []subject{
		peer("xargs -P2 -n1 timeout 5 true", "xargs", "-P2", "-n1", "timeout", "5", "true"),
		peer("xargs -P2 -n1 true, without a limit", "xargs", "-P2", "-n1", "true"),
		peer("cutoff batch -t 5s -j 2 true", exe, "batch", "-t", "5s", "-j", "2", "--progress", "none", "true"),
		peer("parallel -j2 --timeout 5 true", "parallel", "-j2", "--timeout", "5", "true"),
	}}
	return b, nil
}

func (b *batchBench) remove() { _ = os.RemoveAll(b.dir) }

// peer is a program that reads one argument for each task from its input.
func peer(name, exe string, args ...string) subject {
	if _, err := exec.LookPath(exe); err != nil {
		return subject{name: name, note: exe + " is not installed"}
	}
	var input bytes.Buffer
	for i := range batchTasks {
		fmt.Fprintln(&input, i)
	}
	return subject{name: name, run: func(ctx context.Context) (float64, error) {
		c := exec.CommandContext(ctx, exe, args...)
		c.Stdin = bytes.NewReader(input.Bytes())
		begun := time.Now()
		out, err := c.CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(out)))
		}
		return time.Since(begun).Seconds(), nil
	}}
}
