package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// floorSource is a program in C that measures what the machine itself needs.
//
//go:embed floor/floor.c
var floorSource []byte

// floor is that program, compiled; empty with a note if there is no compiler.
type floor struct {
	dir, exe, note string
}

func buildFloor() (*floor, error) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		return &floor{note: "no C compiler (cc) is installed"}, nil
	}
	dir, err := os.MkdirTemp("", "cutoff-floor-*")
	if err != nil {
		return nil, err
	}
	f := &floor{dir: dir, exe: filepath.Join(dir, "floor")}
	source := f.exe + ".c"
	if err := os.WriteFile(source, floorSource, 0o600); err != nil {
		f.remove()
		return nil, err
	}
	if out, err := exec.Command(cc, "-O2", "-o", f.exe, source).CombinedOutput(); err != nil {
		f.note = fmt.Sprintf("the floor does not compile here: %v: %s", err, strings.TrimSpace(string(out)))
	}
	return f, nil
}

func (f *floor) remove() {
	if f.dir != "" {
		_ = os.RemoveAll(f.dir)
	}
}

// subject is one of the program's measurements, n round trips a round.
func (f *floor) subject(name, mode string, n int) subject {
	if f.note != "" {
		return subject{name: name, note: f.note}
	}
	return subject{name: name, run: func(ctx context.Context) (float64, error) {
		out, err := exec.CommandContext(ctx, f.exe, mode, strconv.Itoa(n)).Output()
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		return ns / 1e9, err
	}}
}

// program is the program as a peer of others.
func (f *floor) program(name, mode string, n int) subject {
	if f.note != "" {
		return subject{name: name, note: f.note}
	}
	return peer(name, f.exe, mode, strconv.Itoa(n))
}
