// Sat makes and solves formulas of which some are hopeless, for cutoff batch:
//
//	go run ./examples/sat generate /tmp/formulas
//	go build -o /tmp/sat ./examples/sat
//	cutoff batch -t 1s -j 2 '/tmp/sat solve {}' ::: /tmp/formulas/*.cnf
//
// It stands for any solver. Debian's minisat takes its place where solve is
// written, see README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/crillab/gophersat/solver"
)

const usage = `usage: sat generate DIR [--seed N] [--each N]   write formulas as DIR/*.cnf
       sat solve FILE                          say whether the formula can be satisfied
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sat:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "solve":
		return solve(args[1])
	case len(args) >= 2 && args[0] == "generate":
		return generate(args[1], args[2:])
	}
	fmt.Fprint(os.Stderr, usage)
	return errors.New("say what to do")
}

// solve prints the answer. Solvers by custom exit with 10 and 20 for the two
// answers; this one exits with 0 for both, since it has not failed.
func solve(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	problem, err := solver.ParseCNF(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	answer := "UNSATISFIABLE"
	if solver.New(problem).Solve() == solver.Sat {
		answer = "SATISFIABLE"
	}
	fmt.Println(answer)
	return nil
}

// generate writes the formulas: random ones of growing size, some of each, and
// pigeons from a few to too many.
func generate(dir string, args []string) error {
	f := flag.NewFlagSet("generate", flag.ContinueOnError)
	seed := f.Uint64("seed", 1, "`number` that all randomness comes from")
	each := f.Int("each", 4, "`number` of random formulas of each size")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(*seed, 0))
	for variables := 50; variables <= 350; variables += 50 {
		for n := range *each {
			name := fmt.Sprintf("random-%03d-%d.cnf", variables, n+1)
			if err := writeFile(filepath.Join(dir, name), random3SAT(rng, variables)); err != nil {
				return err
			}
		}
	}
	for holes := 4; holes <= 16; holes += 2 {
		if err := writeFile(filepath.Join(dir, fmt.Sprintf("pigeons-%02d.cnf", holes)), pigeonhole(holes)); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(name string, f formula) error {
	w, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f.write(w), w.Close())
}
