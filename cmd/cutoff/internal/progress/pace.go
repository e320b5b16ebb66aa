package progress

import (
	"fmt"
	"time"
)

// How fast it goes, and when it will be over.

const (
	// paceWindow is the time that the rate is taken over: long enough to be
	// calm, short enough to notice that the tasks have changed.
	paceWindow = 30 * time.Second
	// paceLeast is before when no rate is told.
	paceLeast = 2 * time.Second
)

// sample is how many tasks this run had ended at a time.
type sample struct {
	at   time.Time
	done int64
}

// look remembers how many are done, once a second.
func (v *View) look(now time.Time) {
	if n := len(v.samples); n > 0 && now.Sub(v.samples[n-1].at) < time.Second {
		return
	}
	v.samples = append(v.samples, sample{now, v.done - v.skipped})
	for len(v.samples) > 2 && now.Sub(v.samples[1].at) >= paceWindow {
		v.samples = v.samples[1:]
	}
}

// rate returns the tasks a second over the last window; 0 if it is not known.
func (v *View) rate() float64 {
	n := len(v.samples)
	if n == 0 {
		return 0
	}
	first, last := v.samples[0], v.samples[n-1]
	if d := last.at.Sub(first.at); d >= paceLeast {
		return float64(last.done-first.done) / d.Seconds()
	}
	return 0
}

// left returns how long the rest will take if it goes on like this; 0 if that
// is not known. The last ones run as long as they do, whatever came before.
func (v *View) left() time.Duration {
	rate := v.rate()
	if v.lastOnes() || v.total <= v.done || rate == 0 {
		return 0
	}
	s := float64(v.total-v.done) / rate
	if s > (100 * 365 * 24 * time.Hour).Seconds() {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// lastOnes reports whether all that is left runs.
func (v *View) lastOnes() bool {
	return v.total > 0 && len(v.waiting) == 0 && v.done+int64(len(v.running)) >= v.total
}

// end returns when the batch ends at the latest; zero if nobody knows.
func (v *View) end() (end time.Time) {
	if !v.lastOnes() {
		return v.latest
	}
	for _, r := range v.running {
		if r.timeout == 0 {
			return v.latest
		}
		if d := r.since.Add(r.timeout + r.grace); d.After(end) {
			end = d
		}
	}
	return end
}

// pace writes the rate.
func (v *View) pace() string {
	switch r := v.rate(); {
	case r == 0:
		return ""
	case r < 0.1:
		return fmt.Sprintf("%.1f/min", 60*r)
	case r < 10:
		return fmt.Sprintf("%.1f/s", r)
	default:
		return Count(int64(r)) + "/s"
	}
}

// ends writes when the batch will be over: as it looks, and at the latest.
func (v *View) ends(now time.Time) string {
	left, end := v.left(), v.end()
	latest := max(end.Sub(now), 0)
	switch {
	case end.IsZero() && left == 0:
		return ""
	case end.IsZero():
		return "ends in about " + rough(left)
	case left == 0 || left >= latest:
		return "ends in " + rough(latest) + " at the latest"
	}
	return fmt.Sprintf("ends in about %s, %s at the latest", rough(left), rough(latest))
}

// rough writes a time that nobody knows better than to the second.
func rough(d time.Duration) string {
	if d < 59500*time.Millisecond {
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	}
	return Duration(d)
}
