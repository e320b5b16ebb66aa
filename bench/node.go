package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff"
)

// nodeSource are programs in JavaScript that do our work with Node's pools.
//
//go:embed peers/*.mjs
var nodeSource embed.FS

// nodePools are the pools, in the versions that were compared.
var nodePools = []struct{ name, row, version string }{
	{"workerpool", "Node, workerpool, in processes", "10.0.3"},
	{"piscina", "Node, piscina, in threads", "5.3.2"},
}

// npmBound is how long npm may take to bring one of them.
const npmBound = 2 * time.Minute

// node is a directory with the programs and the pools, or why there is none.
type node struct {
	dir   string
	notes map[string]string // of the pools that are missing
}

// installNode has npm bring the pools.
func installNode(ctx context.Context) (*node, error) {
	n := &node{notes: map[string]string{}}
	for _, exe := range []string{"node", "npm"} {
		if note := lacking(exe); note != "" {
			for _, p := range nodePools {
				n.notes[p.name] = note
			}
			return n, nil
		}
	}
	var err error
	if n.dir, err = os.MkdirTemp("", "cutoff-node-*"); err != nil {
		return nil, err
	}
	if err := n.write(); err != nil {
		n.remove()
		return nil, err
	}
	for _, p := range nodePools {
		err := n.run(ctx, "npm", "install", "--prefix", n.dir, "--no-audit", "--no-fund", "--ignore-scripts", p.name+"@"+p.version)
		if err == nil {
			err = n.run(ctx, "node", "peers.mjs", "has", p.name)
		}
		if err != nil {
			n.notes[p.name] = fmt.Sprintf("npm cannot bring %s, or it does not run here: %v", p.name, err)
		}
	}
	return n, nil
}

// write writes the programs.
func (n *node) write() error {
	ents, err := nodeSource.ReadDir("peers")
	for _, e := range ents {
		b, readErr := nodeSource.ReadFile("peers/" + e.Name())
		err = errors.Join(err, readErr, os.WriteFile(filepath.Join(n.dir, e.Name()), b, 0o600))
	}
	return err
}

func (n *node) run(ctx context.Context, exe string, args ...string) error {
	_, err := cutoff.Command{Path: exe, Args: args, Dir: n.dir, Limits: cutoff.Limits{Timeout: npmBound}}.Run(ctx)
	return err
}

func (n *node) remove() {
	if n.dir != "" {
		_ = os.RemoveAll(n.dir)
	}
}

// subjects are the pools' measurements of one thing, so many a round.
func (n *node) subjects(what string, times int) []subject {
	var all []subject
	for _, p := range nodePools {
		all = append(all, subject{name: p.row, note: n.notes[p.name], run: func(ctx context.Context) (float64, error) {
			c := exec.CommandContext(ctx, "node", "peers.mjs", what, p.name, strconv.Itoa(times))
			c.Dir, c.Stderr = n.dir, os.Stderr
			out, err := c.Output()
			if err != nil {
				return 0, err
			}
			return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		}})
	}
	return all
}
