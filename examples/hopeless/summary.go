package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff"
)

// summary is the account of the batch. It keeps of each task only what it
// prints, and so stays small.
type summary struct {
	options
	start   time.Time
	done    int
	count   map[string]map[cutoff.Outcome]int
	time    map[string]time.Duration  // of the workers, by kind
	lost    map[string]time.Duration  // of it, to tasks that were cut off
	cut     map[string][]task         // the smallest that were cut off
	stuck   map[string]map[string]int // those that were cut off, by kind and by where
	crashes map[string]int            // by where they happened
	stuckAt int                       // tasks done when as many were cut off as there are workers
}

func newSummary(o options) *summary {
	s := &summary{
		options: o, start: time.Now(),
		count: map[string]map[cutoff.Outcome]int{},
		time:  map[string]time.Duration{}, lost: map[string]time.Duration{},
		cut: map[string][]task{}, stuck: map[string]map[string]int{}, crashes: map[string]int{},
	}
	for _, kind := range kinds {
		s.count[kind] = map[cutoff.Outcome]int{}
		s.stuck[kind] = map[string]int{}
	}
	return s
}

// shown is how many tasks of a kind, and how many places, are listed.
const shown = 5

func (s *summary) add(a attempt) {
	s.done++
	s.count[a.kind][a.result.Outcome]++
	s.time[a.kind] += a.result.Wall
	switch {
	case a.result.Outcome.CutOff():
		s.lost[a.kind] += a.result.Wall
		s.stuck[a.kind][cmp.Or(a.result.StuckIn(), "an unknown place")]++
		smallest := append(slices.Clone(s.cut[a.kind]), a.task)
		slices.SortFunc(smallest, func(x, y task) int {
			return cmp.Or(cmp.Compare(x.size, y.size), cmp.Compare(x.number, y.number))
		})
		s.cut[a.kind] = smallest[:min(len(smallest), shown)]
		if s.cutOff() == s.workers {
			s.stuckAt = s.done
		}
	case a.result.Outcome == cutoff.Crashed:
		s.crashes[place(a.result.Stack)]++
	}
}

func (s *summary) cutOff() (n int) {
	for _, count := range s.count {
		n += count[cutoff.Timeout]
	}
	return n
}

func (s *summary) times() (all, lost time.Duration) {
	for _, kind := range kinds {
		all += s.time[kind]
		lost += s.lost[kind]
	}
	return all, lost
}

// progress tells people how far it is.
func (s *summary) progress(w io.Writer) {
	all, lost := s.times()
	fmt.Fprintf(w, "%5.1f s  %s of %s done, %d cut off, which took %s of the time\n",
		time.Since(s.start).Seconds(), thousands(s.done), thousands(s.pdfs+s.regexps), s.cutOff(), percent(lost, all))
}

// print writes the summary.
func (s *summary) print(w io.Writer) {
	fmt.Fprintf(w, "%s tasks in %.1f s on %d workers, each under a limit of %v\n\n",
		thousands(s.done), time.Since(s.start).Seconds(), s.workers, s.limit)
	s.table(w)
	s.saved(w)
	for _, kind := range kinds {
		s.hopeless(w, kind)
	}
	s.crashed(w)
}

// table prints the outcomes of each kind.
func (s *summary) table(w io.Writer) {
	fmt.Fprintf(w, "%-8s%10s%10s%10s%10s\n", "", "ok", "failed", "crashed", "cut off")
	for _, kind := range kinds {
		c := s.count[kind]
		fmt.Fprintf(w, "%-8s%10s%10s%10s%10s\n", kind, thousands(c[cutoff.OK]), thousands(c[cutoff.Failed]),
			thousands(c[cutoff.Crashed]), thousands(c[cutoff.Timeout]))
	}
}

// saved prints what the cutoff did for the batch. What the tasks that were cut
// off would have taken nobody knows; that they took all of their limit is
// certain.
func (s *summary) saved(w io.Writer) {
	all, lost := s.times()
	n := s.cutOff()
	fmt.Fprintf(w, "\nCut off: %s of %s tasks, %s. They took %s of the workers' time (%s) and would\n"+
		"have taken more; the other %s needed %s.\n",
		thousands(n), thousands(s.done), percent(n, s.done), percent(lost, all), seconds(lost), thousands(s.done-n), seconds(all-lost))
	if s.stuckAt > 0 {
		fmt.Fprintf(w, "By task %s there had been as many of them as there are workers: had none of these\n"+
			"ended, the %s tasks after it would never have started.\n", thousands(s.stuckAt), thousands(s.done-s.stuckAt))
	}
}

// hopeless prints what was cut off of a kind, the smallest first.
func (s *summary) hopeless(w io.Writer, kind string) {
	n, of := s.count[kind][cutoff.Timeout], 0
	for _, c := range s.count[kind] {
		of += c
	}
	if n == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s: 1 in %d cut off, with %s of the time. The smallest:\n", kind, of/n, percent(s.lost[kind], s.time[kind]))
	for _, t := range s.cut[kind] {
		fmt.Fprintf(w, "  %-12s  %s\n", t.id(), t.label)
	}
	fmt.Fprintf(w, "  see one with: go run ./examples/hopeless --seed %d --show %s\n", s.seed, s.cut[kind][0].id())
	fmt.Fprint(w, "  they were stuck in:\n")
	printPlaces(w, s.stuck[kind])
}

// crashed prints where the crashes happened.
func (s *summary) crashed(w io.Writer) {
	if len(s.crashes) == 0 {
		return
	}
	fmt.Fprint(w, "\ncrashed in:\n")
	printPlaces(w, s.crashes)
}

// printPlaces prints the places with the most tasks.
func printPlaces(w io.Writer, count map[string]int) {
	places := slices.SortedFunc(maps.Keys(count), func(x, y string) int {
		return cmp.Or(cmp.Compare(count[y], count[x]), cmp.Compare(x, y))
	})
	for _, p := range places[:min(len(places), shown)] {
		fmt.Fprintf(w, "%7s  %s\n", thousands(count[p]), p)
	}
}

// frame is the line of a Go stack that names a function of the PDF library.
var frame = regexp.MustCompile(`(?m)^(rsc\.io/pdf\..+)\(.*\)$`)

// place returns the innermost function of a stack that did more than to raise
// the panic.
func place(stack string) string {
	for _, f := range frame.FindAllStringSubmatch(stack, -1) {
		if !strings.HasSuffix(f[1], "errorf") {
			return f[1]
		}
	}
	return "somewhere else"
}

// percent renders a share.
func percent[T int | time.Duration](part, whole T) string {
	if whole == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// thousands renders a count with separators.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
