// Package deadline says what becomes of a deadline that the program itself
// comes to late: because it was stopped or starved, or because the machine
// slept. What was due meanwhile may have been done meanwhile, and nobody was
// there to see it; so the deadline is given one fresh chance, which is
// recorded.
//
// Deadlines are kept on the monotonic clock, as package time does it. On Linux
// that is CLOCK_MONOTONIC, which stands still while the machine sleeps: a sleep
// makes no deadline pass, and it is recorded all the same.
package deadline

import "time"

// Bound is how late the program may come to a deadline, or how long it may be
// away, without thinking that it was stopped or starved: a busy machine delays
// it by some milliseconds.
const Bound = 500 * time.Millisecond

// Stall is what one attempt had to suffer of it. The zero value is ready. It
// is for one goroutine.
type Stall struct {
	late  time.Duration
	until time.Time // end of the last chance
}

// Forgive is asked when a deadline was found to have passed: due is when, and
// span is how long the limit or the grace was that ended then. It reports
// whether the deadline gets a chance, which ends at Moved(due): as long as the
// program was late or, if it was watched, away when the deadline passed; but no
// longer than span. A deadline
// gets one: what began to run before the end of the last chance gets no other.
func (s *Stall) Forgive(now, due time.Time, span time.Duration) bool {
	late := max(now.Sub(due), program.away(now, due))
	if late <= Bound || due.Add(-span).Before(s.until) {
		return false
	}
	s.late += late
	s.until = now.Add(min(late, span))
	return true
}

// Add records a lateness that was forgiven elsewhere; zero is none.
func (s *Stall) Add(late time.Duration) { s.late += late }

// Moved returns when a deadline really passes: at due, or at the end of the
// chance that it got.
func (s *Stall) Moved(due time.Time) time.Time {
	if due.Before(s.until) {
		return s.until
	}
	return due
}

// Total is what the record says: the lateness, and how long the machine slept
// between the two times. overshoot is how long before the end a deadline passed,
// if one did: the work may have ended by itself after it, and been seen before
// anybody came to the deadline.
func (s *Stall) Total(started, ended time.Time, overshoot time.Duration) time.Duration {
	late := s.late
	if late == 0 && overshoot > 0 {
		late = program.away(time.Now(), ended.Add(-overshoot))
	}
	mono := ended.Sub(started)
	wall := ended.Round(0).Sub(started.Round(0))
	return late + machine.slept(wall-mono)
}

// sleeper tells a machine that slept from one whose wall clock was set.
type sleeper struct {
	asleep func() time.Duration // how long the machine has slept since it was started
	before time.Duration        // that, when this program was started
}

var machine = sleeper{asleep, asleep()}

// slept returns how much of gap, by which the wall clock ran ahead of the
// monotonic one, the machine slept. Without a gap it does not look.
func (m sleeper) slept(gap time.Duration) time.Duration {
	if gap <= Bound {
		return 0
	}
	if s := min(gap, m.asleep()-m.before); s > Bound {
		return s
	}
	return 0
}
