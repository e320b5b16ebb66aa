package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
)

// formula is a formula in conjunctive normal form: of each clause one literal
// must hold. The literal n is variable n, from 1; -n is its negation.
type formula struct {
	comment   string
	variables int
	clauses   [][]int
}

// write writes the formula in the DIMACS format, which every solver reads.
func (f formula) write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "c %s\np cnf %d %d\n", f.comment, f.variables, len(f.clauses))
	for _, clause := range f.clauses {
		for _, literal := range clause {
			fmt.Fprint(b, literal, " ")
		}
		fmt.Fprintln(b, 0)
	}
	return b.Flush()
}

// ratio of clauses to variables at which half of the random formulas can be
// satisfied: the hardest there are.
const ratio = 4.26

// random3SAT returns a formula of random clauses, each of three literals of
// different variables.
func random3SAT(rng *rand.Rand, variables int) formula {
	f := formula{comment: fmt.Sprintf("random 3-SAT, %d variables", variables), variables: variables}
	for range int(ratio*float64(variables) + 0.5) {
		clause := rng.Perm(variables)[:3]
		for i, v := range clause {
			clause[i] = (v + 1) * (1 - 2*rng.IntN(2))
		}
		f.clauses = append(f.clauses, clause)
	}
	return f
}

// pigeonhole returns a formula that says: so many pigeons and one more find
// room in so many holes, one in each. A child sees that they do not. A solver
// that reasons by resolution needs a number of steps that is exponential in
// the number of holes.
func pigeonhole(holes int) formula {
	f := formula{comment: fmt.Sprintf("%d pigeons in %d holes", holes+1, holes), variables: (holes + 1) * holes}
	in := func(pigeon, hole int) int { return pigeon*holes + hole + 1 }
	for p := range holes + 1 {
		var somewhere []int
		for h := range holes {
			somewhere = append(somewhere, in(p, h))
			for other := range p {
				f.clauses = append(f.clauses, []int{-in(other, h), -in(p, h)})
			}
		}
		f.clauses = append(f.clauses, somewhere)
	}
	return f
}
