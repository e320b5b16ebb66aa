package report

import (
	"io"
	"time"

	"github.com/cutoff-run/cutoff/journal"
)

// detail is what the reports that are read need beyond the figure.
type detail struct {
	*Summary
	attempts int64
	work     [numClasses]time.Duration // wall time of all attempts
	sample   [numClasses]reservoir
	slow     slowest
	cutOff   groups // settled tasks that were cut off
	failed   groups // settled tasks that failed or crashed
	stuck    bool   // cutOff tells where
	lanes    *lanes

	first   journal.Header // of the first run
	offset  time.Duration  // of the present run, in the time of the batch
	resumed []time.Duration
	left    int64 // tasks that the present run began and has not settled
}

// maxResumed bounds the marks of later runs.
const maxResumed = 50

// collectDetail reads a journal once.
func collectDetail(r io.Reader) (*detail, error) {
	d := &detail{Summary: newSummary(), lanes: newLanes()}
	as := newAttempts(d.add)
	damage, err := scan(r, func(rec journal.Record) error {
		// In this order: an attempt without an end belongs to the run that it
		// was in, and is handed over when the next one's header comes.
		if err := as.record(rec); err != nil {
			return err
		}
		if err := d.record(rec); err != nil {
			return err
		}
		if h, ok := rec.(*journal.Header); ok {
			d.begin(h)
		}
		if s, ok := rec.(*journal.Started); ok {
			d.lanes.wait(d.since(s.Time), +1)
		}
		return nil
	})
	if err == nil {
		err = as.finish()
	}
	if err != nil {
		return nil, err
	}
	d.finish(damage)
	return d, nil
}

func (d *detail) begin(h *journal.Header) {
	d.offset = min(max(d.Elapsed, 0), maxBatch)
	switch {
	case d.runs == 1:
		d.first = *h
	case len(d.resumed) < maxResumed:
		d.resumed = append(d.resumed, d.offset)
	}
	d.lanes.wait(d.offset, -d.left)
	d.left = 0
}

// since returns the time of the batch at a moment of the present run.
func (d *detail) since(t time.Time) time.Duration {
	return min(d.offset+min(max(t.Sub(d.runStart), 0), maxBatch), maxBatch)
}

func (d *detail) add(a *attempt) error {
	begin, c := d.since(a.start()), a.class()
	d.attempts++
	d.work[c] += a.Wall
	item := func() *kept { return keep(a, begin) }
	d.sample[c].offer(item)
	if c == classNotStarted {
		return nil
	}
	end := begin + a.Wall
	if !a.ended {
		end = max(d.since(d.last), begin)
	}
	d.lanes.add(a.Slot, c, begin, end)
	if c == classNoEnd || c == classCanceled {
		d.left++
	}
	if c == classNoEnd {
		return nil
	}
	d.slow.offer(a.Wall, item)
	if a.Retry {
		d.lanes.wait(end, -1)
		return nil
	}
	switch c {
	case classCutOff:
		d.addStuck(a, item)
	case classFailed:
		d.failed.add(a, reasonOf(a), "", item)
	}
	return nil
}

// addStuck counts a task by where it was when it was cut off, as far as that is
// known, and else by its limit.
func (d *detail) addStuck(a *attempt, item func() *kept) {
	where := a.StuckIn()
	if where == "" {
		d.cutOff.add(a, reasonOf(a), "", item)
		return
	}
	d.cutOff.add(a, where, a.Stack, item)
	d.stuck = true
}

// shown returns the attempts that a report lists, by class, and how many there
// are of each: all if they fit, or a random sample in which every class has
// its part, however rare it is.
func (d *detail) shown() (rows []*kept, total int64) {
	var counts [numClasses]int
	for c := range counts {
		counts[c] = len(d.sample[c].items)
		total += d.sample[c].n
	}
	for c, n := range shareOut(counts[:], maxSample) {
		rows = append(rows, d.sample[c].items[:n]...)
	}
	return rows, total
}
