package advise

import (
	"errors"
	"io"
	"math/bits"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// counts says how many attempts ended at one time, and how.
type counts struct {
	results  int64 // ok
	without  int64 // ended in a way that a time limit has no part in
	censored int64 // stopped: they would have gone on for nobody knows how long
}

func (c counts) ends() int64 { return c.results + c.without }
func (c counts) all() int64  { return c.ends() + c.censored }

// maxTimes bounds the distinct durations that are kept apart. Beyond it they
// are rounded up to ten leading bits, by less than 0.2 %: up, so that a result
// is never said to have come earlier than it did. There are fewer such
// durations than maxTimes.
const (
	maxTimes  = 1 << 16
	roundBits = 10
)

// samples is what a journal says about durations.
type samples struct {
	at      map[time.Duration]counts
	rounded bool
	total   counts

	unmeasured int64         // attempts without an end in the journal
	limit      time.Duration // the largest that was in force
	lowest     time.Duration // the smallest
	unlimited  bool          // some attempt had none
	longest    time.Duration // the longest attempt

	badLines int
	firstBad error
}

func newSamples() *samples { return &samples{at: map[time.Duration]counts{}} }

// readSamples reads a whole journal.
func readSamples(r io.Reader) (*samples, error) {
	s := newSamples()
	var limits cutoff.Limits
	for rec, err := range journal.Read(r) {
		var line *journal.LineError
		switch {
		case errors.As(err, &line):
			if s.badLines++; s.firstBad == nil {
				s.firstBad = line
			}
			continue
		case err != nil:
			return nil, err
		}
		switch rec := rec.(type) {
		case *journal.Header:
			limits = rec.Limits
		case *journal.Started:
			s.unmeasured++
		case *journal.Ended:
			s.ended(rec, limits)
		}
	}
	s.unmeasured = max(s.unmeasured, 0)
	return s, nil
}

// ended counts the end of an attempt. Without a number it was none: the task
// was given up, or could not be started.
func (s *samples) ended(rec *journal.Ended, limits cutoff.Limits) {
	if rec.Outcome == cutoff.NotStarted {
		return
	}
	s.unmeasured-- // it was started
	if rec.Attempt == 0 {
		return
	}
	if rec.Limits != nil {
		limits = *rec.Limits
	}
	s.add(rec.Outcome, rec.Wall, limits.Timeout)
}

// add counts one attempt that took wall under a time limit, 0 for none.
//
// What failed or crashed has ended by itself, and what was cut off for its
// memory, its processor time, its output or its silence ended at a limit that
// stays: neither would have given a result under another time limit. So these
// are known ends, without a result. A timeout and a cancellation say only that
// the attempt took longer.
func (s *samples) add(o cutoff.Outcome, wall, limit time.Duration) {
	c := counts{without: 1}
	switch o {
	case cutoff.OK:
		c = counts{results: 1}
	case cutoff.Timeout, cutoff.Canceled:
		c = counts{censored: 1}
	}
	if limit > 0 {
		if s.lowest == 0 || limit < s.lowest {
			s.lowest = limit
		}
		s.limit = max(s.limit, limit)
	} else {
		s.unlimited = true
	}
	wall = max(wall, 0)
	s.longest = max(s.longest, wall)
	s.count(wall, c)
	s.total = s.total.plus(c)
}

func (c counts) plus(d counts) counts {
	return counts{c.results + d.results, c.without + d.without, c.censored + d.censored}
}

func (s *samples) count(wall time.Duration, c counts) {
	if s.rounded {
		wall = roundUp(wall)
	}
	s.at[wall] = s.at[wall].plus(c)
	if len(s.at) <= maxTimes || s.rounded {
		return
	}
	s.rounded = true
	exact := s.at
	s.at = map[time.Duration]counts{}
	for wall, c := range exact {
		s.count(wall, c)
	}
}

// roundUp rounds to the next value that has no bit set behind the ten leading
// ones.
func roundUp(d time.Duration) time.Duration {
	v := uint64(d)
	shift := max(bits.Len64(v)-roundBits, 0)
	low := uint64(1)<<shift - 1
	if v = (v + low) &^ low; v > 1<<63-1 {
		v = 1<<63 - 1
	}
	return time.Duration(v)
}

// horizon is up to where the journal shows anything: the largest limit, or the
// longest attempt if that is less or some attempt had no limit.
func (s *samples) horizon() time.Duration {
	if s.unlimited || s.limit == 0 {
		return s.longest
	}
	return min(s.limit, s.longest)
}
