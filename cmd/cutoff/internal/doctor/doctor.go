// Package doctor proves on the user's own machine that nothing outlives its
// end. It has tools (cutoff itself, at a containment level, or a peer) run
// hostile children under a limit, and looks for survivors itself: it never asks
// the tool, nor what the tool kills with.
//
// How survivors are counted. Every process of a child holds the child's pipe,
// a FIFO of its own for each round (package hostile), and has the path of it
// on its command line. The end of the pipe says that the last of them is gone,
// and when. If it has not come, or if a process with that path on its command
// line or among its descriptors is found in /proc, something survived. It is
// counted, and then killed by us.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/hostile"
)

// Case is what happens to a child.
type Case string

// The cases.
const (
	CutOff Case = "cutoff" // its limit passes
	Killed Case = "killed" // the tool that runs it is killed by SIGKILL
)

// Tool runs commands under a limit.
type Tool struct {
	Name string
	// Level is the containment that it must have; "" for a peer.
	Level string
	// Missing says why it cannot be had; "" if it can.
	Missing string
	// Command returns the whole command line that runs the child under the
	// limit. If record is written, it is a JSON file of a cutoff.Result.
	Command func(limit time.Duration, record string, child []string) []string
	// Env is added to the environment.
	Env []string
	// Functions are played by this tool as well as commands.
	Functions bool
	// Settle is how long what it stopped may take to be gone when it has
	// returned. Zero for one that promises that nothing is left.
	Settle time.Duration
}

// Subject is what a tool has to stop: a hostile child, or a function in a
// pool's worker.
type Subject struct {
	hostile.Child
	Function bool
}

// Subjects are all that there are, commands first.
func Subjects() []Subject {
	var all []Subject
	for _, c := range hostile.Children {
		all = append(all, Subject{Child: c})
	}
	for _, f := range functions {
		all = append(all, Subject{Child: f, Function: true})
	}
	return all
}

// Options say what to examine.
type Options struct {
	Exe      string        // this program
	Rounds   int           // for each line
	Limit    time.Duration // after which children are cut off
	Tools    []Tool
	Subjects []Subject
	// Progress, if set, is told what is being done, from one goroutine at a
	// time.
	Progress func(what string, done, of int)
}

// The bounds of a round.
const (
	killSettle = time.Second      // from the death of a tool to when its children must be gone
	patience   = 2 * time.Second  // a peer that has not returned so long after the limit does not return
	bound      = 15 * time.Second // ours, and everything else
	repeats    = 3                // rounds that were not valid, for each that is
)

// Examine examines every subject with every tool in both cases and returns a
// line for each. It leaves nothing behind, also when ctx ends it early.
func Examine(ctx context.Context, o Options) ([]Line, error) {
	s, err := newSurgery(o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	var lines []Line
	plan := o.plan()
	for i, l := range plan {
		if o.Progress != nil {
			o.Progress(l.what(), i, len(plan))
		}
		var none errNoRound
		if err := s.examine(ctx, &l); errors.As(err, &none) {
			l.Unproved = none.reason
		} else if err != nil {
			return lines, fmt.Errorf("%s: %w", l.what(), err)
		}
		lines = append(lines, l.Line)
	}
	if o.Progress != nil {
		o.Progress("", len(plan), len(plan))
	}
	return lines, nil
}

// planned is a line that is to be filled.
type planned struct {
	Line
	tool    Tool
	subject Subject
	limit   time.Duration
	rounds  int
}

func (p planned) what() string { return p.tool.Name + ", " + p.Title + ", " + string(p.Case) }

// plan lists what is to be examined, the tools beside each other.
func (o Options) plan() []planned {
	var all []planned
	for _, c := range []Case{CutOff, Killed} {
		for _, s := range o.Subjects {
			for _, t := range o.Tools {
				if t.Missing != "" || s.Function && !t.Functions {
					continue
				}
				p := planned{tool: t, subject: s, limit: o.Limit * time.Duration(max(1, s.Slow)), rounds: o.Rounds}
				if c == Killed {
					p.limit = bound
				}
				p.Line = Line{Case: c, Child: s.Name, Title: s.Title, Tool: t.Name, Containment: t.Level, Limit: p.limit}
				all = append(all, p)
			}
		}
	}
	return all
}

// quietLanes is how many quiet children run at a time. All others run alone.
const quietLanes = 4

// examine runs the rounds of one line.
func (s *surgery) examine(ctx context.Context, p *planned) error {
	lanes := 1
	if p.subject.Quiet {
		lanes = min(quietLanes, p.rounds)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo := make(chan struct{}, p.rounds*(repeats+1)+1)
	defer close(todo)
	results := make(chan result, lanes)
	plan := *p
	for range lanes {
		go func() {
			for range todo {
				r, err := s.round(ctx, plan)
				results <- result{r, err}
			}
		}()
	}
	for range p.rounds {
		todo <- struct{}{}
	}
	var failed error
	for pending := p.rounds; pending > 0; pending-- {
		r := <-results
		switch {
		case failed != nil: // what was begun before
		case r.err != nil:
			failed = r.err
		case r.invalid == "":
			p.add(r.round)
		case p.Repeated == repeats*p.rounds:
			failed = errNoRound{r.invalid}
		default:
			p.Repeated++
			todo <- struct{}{}
			pending++
		}
		if failed != nil {
			cancel() // the other rounds
		}
	}
	p.sum()
	return failed
}

// errNoRound says that too few rounds counted.
type errNoRound struct{ reason string }

func (e errNoRound) Error() string { return "too few rounds count: " + e.reason }

type result struct {
	round
	err error
}

// round is the outcome of one round.
type round struct {
	invalid   string // why it does not count: the child was not ready, …
	survivors int
	lost      bool          // the tool did not return by itself
	gone      time.Duration // from the deadline, or from the death of the tool; never if something survived
}

// never stands for a time that did not come.
const never = time.Duration(1<<63 - 1)

// Line is what was found of one subject with one tool. Its JSON form is
// documented in docs/DOCTOR.md; durations are whole nanoseconds.
type Line struct {
	Case        Case          `json:"case"`
	Child       string        `json:"child"`
	Title       string        `json:"title"`
	Tool        string        `json:"tool"`
	Containment string        `json:"containment,omitempty"` // in force, checked in each round
	Limit       time.Duration `json:"timeout_ns"`            // longer for a child that takes long to be set up
	Rounds      int           `json:"rounds"`                // that count
	Repeated    int           `json:"repeated,omitempty"`    // that did not, because the child was not ready in time
	Survivors   int           `json:"survivors"`             // processes, of all rounds
	Survived    int           `json:"rounds_survived"`       // rounds with survivors
	Lost        int           `json:"rounds_lost,omitempty"` // rounds in which the tool did not return
	Gone        Times         `json:"gone"`                  // until the last process was gone
	Unproved    string        `json:"unproved,omitempty"`    // why too few rounds count
	gone        []time.Duration
}

// Times sums up the rounds of a line. nil means never: something survived in
// so many rounds that this figure has no end.
type Times struct {
	Median *time.Duration `json:"median_ns"`
	P99    *time.Duration `json:"p99_ns"`
	Max    *time.Duration `json:"max_ns"`
}

func (l *Line) add(r round) {
	l.Rounds++
	l.Survivors += r.survivors
	if r.survivors > 0 {
		l.Survived++
	}
	if r.lost {
		l.Lost++
	}
	l.gone = append(l.gone, r.gone)
}

// sum computes the times.
func (l *Line) sum() {
	slices.Sort(l.gone)
	l.Gone = Times{quantile(l.gone, 0.5), quantile(l.gone, 0.99), quantile(l.gone, 1)}
}

// quantile returns the smallest value that is not below so many of the sorted
// values; nil if that is never, or if there are none.
func quantile(sorted []time.Duration, q float64) *time.Duration {
	for i, d := range sorted {
		if float64(i+1) >= q*float64(len(sorted)) {
			if d == never {
				return nil
			}
			return &d
		}
	}
	return nil
}
