package batch

import (
	"container/heap"
	"io"
	"strconv"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// numbered is a task that has its place in the batch.
type numbered struct {
	attempt Attempt // the latest, or the one to come
	record  journal.Task
	prior   journal.TaskState // what earlier runs did with it
	// again are the outcomes of the attempts after which it was to run again,
	// also of earlier runs: they decide what the next attempt is like.
	again []cutoff.Outcome
	// last is how the latest attempt of this run ended, and without its output;
	// nil if there was none.
	last *ended
}

// take starts the next task of the input, or ends the batch's intake.
func (l *loop) take(f fed) {
	if f.err != nil {
		l.stop(f.err, false)
		return
	}
	if l.stopped {
		l.giveUp(f)
		return
	}
	n := l.number(f.task)
	if n.prior.Settled {
		l.skip(n)
		return
	}
	if n.attempt.Task.Invalid != nil {
		l.refuse(n, n.attempt.Task.Invalid)
		return
	}
	if err := checkLimits(n.attempt.Limits); err != nil {
		l.refuse(n, err)
		return
	}
	if err := l.passHopeless(n); err != nil {
		l.sum.Hopeless++
		l.refuse(n, err)
		return
	}
	if pass := l.pass(n); pass > 0 {
		l.held.addToPass(pass, n)
		return
	}
	if l.opts.Hold != nil && !l.ready() { // the input came late
		l.held.addAt(time.Now(), n)
		return
	}
	l.begin(n)
}

// giveUp records a task that will not start because the batch has stopped.
func (l *loop) giveUp(f fed) {
	if f.err != nil {
		return // the end of an input that nobody reads on
	}
	n := l.number(f.task)
	if n.prior.Settled {
		l.skip(n)
		return
	}
	l.refuse(n, l.err)
}

// number gives a task its place in the batch.
func (l *loop) number(t Task) *numbered {
	l.seq++
	l.sum.Tasks++
	if t.ID == "" {
		t.ID = strconv.FormatInt(l.seq, 10)
	}
	n := &numbered{attempt: Attempt{Task: t, Seq: l.seq}, record: t.record(l.seq)}
	if l.opts.Journal != nil || l.opts.Resume != nil || l.opts.Ledger != nil || l.opts.Results != "" {
		n.record.Identity = t.Work().Identity()
		n.record.Occurrence = l.occurred.Next(n.record.Identity)
		var known bool
		n.prior, known = l.opts.Resume.Find(n.record.Identity, n.record.Occurrence)
		if known && !n.prior.Settled {
			l.reopened++
		}
	}
	n.attempt.Number = n.prior.Attempts
	n.again = n.prior.Retried
	l.limit(n)
	return n
}

// limit gives a task the limits of its next attempt.
func (l *loop) limit(n *numbered) {
	n.attempt.Limits = l.limits(n)
	n.record.Limits = nil
	if own := n.attempt.Limits; own != l.opts.Limits {
		n.record.Limits = &own
	}
}

// begin starts the next attempt of a task: in the journal, and then in a
// goroutine of its own.
func (l *loop) begin(n *numbered) {
	n.attempt.Number++
	n.attempt.Slot = l.slots.take()
	n.record.Slot = n.attempt.Slot
	if err := l.journalStarted(n.record, n.attempt.Number); err != nil {
		l.slots.give(n.attempt.Slot)
		l.fail(err)
		if n.last != nil {
			l.forgo(n)
		} else {
			l.refuse(n, err)
		}
		return
	}
	if n.last != nil {
		l.sum.Retries++
	}
	l.running++
	if l.opts.Delay > 0 {
		l.pause = time.Now().Add(l.opts.Delay)
	}
	l.start(n)
}

// start runs an attempt in a goroutine of its own.
func (l *loop) start(n *numbered) {
	e := ended{numbered: n, output: l.capture(n.attempt.Task.ID)}
	a := n.attempt
	a.Deadline = l.deadline(a.Limits.Timeout)
	l.opts.OnEvent(Event{Kind: Started, Attempt: a})
	go func() {
		var stdout, stderr io.Writer
		if l.opts.Results != "" {
			if e.results, e.failure = openResults(l.opts.Results, &n.record, a.Number, l.opts.MaxOutput); e.failure != nil {
				e.result, e.err = notStarted, e.failure
				l.ends <- e
				return
			}
			stdout, stderr = e.results.stdout, e.results.stderr
		}
		a.Stdout = tee(l.opts.Stdout != nil, &e.output.stdout, stdout)
		a.Stderr = tee(l.opts.Stderr != nil, &e.output.stderr, stderr)
		e.result, e.err = l.runner.Run(l.ctx, a)
		e.failure = e.results.close()
		if e.result.Attempt = a.Number; e.result.Outcome == cutoff.NotStarted {
			e.result.Attempt = 0
		}
		l.ends <- e
	}()
}

// capture returns what takes the output of an attempt.
func (l *loop) capture(tag string) *captured {
	out := &captured{tag: tag}
	for _, s := range []*stream{&out.stdout, &out.stderr} {
		s.spool = l.spool
		s.setMost(l.opts.MaxOutput)
	}
	return out
}

// tee returns a writer to both, as far as they are wanted.
func tee(wanted bool, screen *stream, file io.Writer) io.Writer {
	switch {
	case wanted && file != nil:
		return io.MultiWriter(screen, file)
	case wanted:
		return screen
	case file != nil:
		return file
	}
	return io.Discard
}

func (l *loop) journalStarted(t journal.Task, number int) error {
	if l.opts.Journal == nil {
		return nil
	}
	return l.opts.Journal.Started(journal.Started{Task: t, Attempt: number})
}

// slots are the places that attempts run in. They are numbered as they are
// first needed: a batch may allow far more than it ever uses. The lowest free
// one is taken, so that none is above the number of those that may run.
type slots struct {
	free []int // that are free again; a heap
	used int   // the slots up to this one have been in use
}

func (s *slots) take() int {
	if len(s.free) > 0 {
		return heap.Pop((*lowest)(&s.free)).(int)
	}
	s.used++
	return s.used
}

func (s *slots) give(slot int) { heap.Push((*lowest)(&s.free), slot) }

// lowest is a heap of numbers.
type lowest []int

func (h lowest) Len() int           { return len(h) }
func (h lowest) Less(i, j int) bool { return h[i] < h[j] }
func (h lowest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lowest) Push(x any)        { *h = append(*h, x.(int)) }

func (h *lowest) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
