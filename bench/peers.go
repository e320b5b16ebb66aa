package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// peersSource is a program in Python that does our work with Python's pools.
//
//go:embed peers/peers.py
var peersSource string

// The pools, and the module that each comes with.
var pythonModules = map[string]string{
	"multiprocessing": "multiprocessing", "multiprocessing chunks": "multiprocessing",
	"executor": "concurrent.futures", "executor chunks": "concurrent.futures",
	"pebble": "pebble", "billiard": "billiard",
}

// python returns an interpreter that has the module, or why there is none.
func python(module string) (exe, note string) {
	for _, exe := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(exe, "-c", peersSource, "has", module, "0").Run() == nil {
			return exe, ""
		}
	}
	return "", "no python3 with the module " + module + " is installed"
}

// pythonSubject is one of the program's measurements: what, by whom, how often.
func pythonSubject(name, what, who string, n int, stdin string) subject {
	exe, note := python(pythonModules[who])
	if note != "" {
		return subject{name: name, note: note}
	}
	return subject{name: name, run: func(ctx context.Context) (float64, error) {
		c := exec.CommandContext(ctx, exe, "-c", peersSource, what, who, strconv.Itoa(n))
		c.Stdin, c.Stderr = strings.NewReader(stdin), os.Stderr
		out, err := c.Output()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", exe, err)
		}
		return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	}}
}
