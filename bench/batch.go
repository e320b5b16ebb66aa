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

// program is the program, built to be measured.
type program struct {
	dir, exe string
}

func buildProgram() (*program, error) {
	dir, err := os.MkdirTemp("", "cutoff-bench-*")
	if err != nil {
		return nil, err
	}
	p := &program{dir, filepath.Join(dir, "cutoff")}
	if out, err := exec.Command("go", "build", "-o", p.exe, "./cmd/cutoff").CombinedOutput(); err != nil {
		p.remove()
		return nil, fmt.Errorf("build the program (run bench from the repository's root): %w\n%s", err, out)
	}
	return p, nil
}

func (p *program) remove() { _ = os.RemoveAll(p.dir) }

// batch is 2,000 × true on two slots under a limit of 5 s: xargs with timeout,
// which is the limit that many use, xargs and C without any, and ours.
func (p *program) batch(f *floor) group {
	return group{name: batchName, figures: []figure{{"wall time", seconds}, {"processor time", seconds}}, subjects: []subject{
		peer("xargs -P2 -n1 timeout 5 true", "xargs", "-P2", "-n1", "timeout", "5", "true"),
		f.program("C, posix_spawn, without a limit", "spawn", batchTasks),
		peer("xargs -P2 -n1 true, without a limit", "xargs", "-P2", "-n1", "true"),
		peer("cutoff batch -t 5s -j 2 true", p.exe, "batch", "-t", "5s", "-j", "2", "--progress", "none", "true"),
		peer("parallel -j2 --timeout 5 true", "parallel", "-j2", "--timeout", "5", "true"),
	}}
}

// runs is how often a command is run in a round.
const runs = 40

const oneName = "one command"

// one is a single command under a limit, and the help.
func (p *program) one() group {
	return group{name: oneName, subjects: []subject{
		command("timeout 1 true", "timeout", "1", "true"),
		command("cutoff run 1 true", p.exe, "run", "1", "true"),
		command("cutoff --help", p.exe, "--help"),
	}}
}

func command(name, exe string, args ...string) subject {
	if _, err := exec.LookPath(exe); err != nil {
		return subject{name: name, note: exe + " is not installed"}
	}
	return subject{name: name, run: func(ctx context.Context) (float64, error) {
		return each(runs, func() error { return exec.CommandContext(ctx, exe, args...).Run() })
	}}
}

// peer is a program that reads one argument for each task from its input.
func peer(name, exe string, args ...string) subject {
	if _, err := exec.LookPath(exe); err != nil {
		return subject{name: name, note: exe + " is not installed"}
	}
	var input bytes.Buffer
	for i := range batchTasks {
		fmt.Fprintln(&input, i)
	}
	return subject{name: name, runAll: func(ctx context.Context) ([]float64, error) {
		c := exec.CommandContext(ctx, exe, args...)
		c.Stdin = bytes.NewReader(input.Bytes())
		begun := time.Now()
		out, err := c.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(out)))
		}
		wall, state := time.Since(begun), c.ProcessState
		return []float64{wall.Seconds(), (state.UserTime() + state.SystemTime()).Seconds()}, nil
	}}
}
