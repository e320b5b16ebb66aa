package report

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff"
)

// kept is what a report shows of one attempt. Its texts are bounded and safe
// to show; they share no memory with the record.
type kept struct {
	key     taskKey
	run     int
	seq     int64
	name    string
	command string // to run it again; empty for functions
	whole   bool   // the command is complete

	class    class
	outcome  cutoff.Outcome
	reason   string
	stuck    string // where it was when it was cut off
	attempt  int
	slot     int
	retry    bool
	begin    time.Duration // since the batch began, without the time between runs
	wall     time.Duration
	limit    time.Duration // wall time it was given; 0 means none
	cpu      time.Duration
	maxRSS   int64
	overrun  time.Duration
	stalled  time.Duration
	leaked   int
	exit     int
	signal   string
	output   string
	stack    string
	bySystem string // containment
}

// Bounds of a kept attempt's texts, in bytes.
const (
	keptName    = 160
	keptCommand = 600
	keptReason  = 160
	keptOutput  = 600
	keptStack   = 1200
)

func keep(a *attempt, begin time.Duration) *kept {
	command := shellLine(&a.Task)
	k := &kept{
		key: taskKey{strings.Clone(keyOf(&a.Task).identity), a.Occurrence, keyOf(&a.Task).seq},
		run: a.run, seq: a.Seq,
		name:    ends1(escapeLine(nameOf(&a.Task)), keptName),
		command: ends1(command, keptCommand), whole: len(command) <= keptCommand,
		class: a.class(), outcome: a.Outcome, reason: ends1(escapeLine(reasonOf(a)), keptReason), stuck: ends1(escapeLine(a.StuckIn()), groupTitle),
		attempt: a.Attempt, slot: a.Slot, retry: a.Retry,
		begin: begin, wall: a.Wall, limit: a.limits().Timeout, cpu: a.User + a.System, maxRSS: a.MaxRSS,
		overrun: a.Overshoot, stalled: a.Stalled, leaked: a.Leaked,
		exit: a.ExitCode, signal: ends1(escapeLine(a.Signal), 20), bySystem: ends1(escapeLine(a.Result.Containment), 40),
		output: escapeLines(ends(a.Result.Output, keptOutput)),
		stack:  escapeLines(ends(a.Stack, keptStack)),
	}
	return k
}

// ends1 is ends on one line.
func ends1(s string, limit int) string {
	if len(s) <= limit {
		return strings.Clone(s)
	}
	head := strings.ToValidUTF8(s[:limit/2], "")
	tail := strings.ToValidUTF8(s[len(s)-limit/2:], "")
	return head + "…" + tail
}

// reservoir is a uniform random sample of a stream (Vitter's algorithm R). Its
// choice depends on nothing but the number of items, so that the same journal
// gives the same report.
type reservoir struct {
	items []*kept
	n     int64
	rng   *rand.Rand
}

// maxSample is how many attempts of each class are kept, and how many of all
// are shown.
const maxSample = 3000

// offer counts an item and keeps it if its place is drawn; item is only called
// then.
func (r *reservoir) offer(item func() *kept) {
	r.n++
	if len(r.items) < maxSample {
		r.items = append(r.items, item())
		return
	}
	if r.rng == nil {
		r.rng = rand.New(rand.NewPCG(1, 1))
	}
	if i := r.rng.Int64N(r.n); i < maxSample {
		r.items[i] = item()
	}
}

// slowest keeps the items of the longest wall time.
type slowest struct {
	items []*kept // the longest first
}

const maxSlowest = 20

func (s *slowest) offer(wall time.Duration, item func() *kept) {
	if len(s.items) == maxSlowest && wall <= s.items[maxSlowest-1].wall {
		return
	}
	k := item()
	// Behind those that took as long: the first stays first.
	i, _ := slices.BinarySearchFunc(s.items, k, func(have, want *kept) int {
		if have.wall >= want.wall {
			return -1
		}
		return 1
	})
	s.items = slices.Insert(s.items, i, k)
	s.items = s.items[:min(len(s.items), maxSlowest)]
}

// shareOut divides room among counts: each gets what it needs or an equal
// share, whichever is less, until the room is used up.
func shareOut(counts []int, room int) []int {
	order := make([]int, len(counts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[a], counts[b]) })
	out := make([]int, len(counts))
	for i, at := range order {
		out[at] = min(counts[at], room/(len(order)-i))
		room -= out[at]
	}
	return out
}
