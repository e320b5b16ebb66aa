package deadline

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func TestForgive(t *testing.T) {
	start := time.Now()
	at := start.Add
	const limit = 10 * time.Second
	due := at(limit)

	t.Run("in time", func(t *testing.T) {
		var s Stall
		if s.Forgive(due.Add(Bound), due, limit) || s.Moved(due) != due || s.Total(start, due, 0) != 0 {
			t.Error("a lateness within the bound is no stall")
		}
	})
	t.Run("late", func(t *testing.T) {
		var s Stall
		now := due.Add(3 * time.Second)
		if !s.Forgive(now, due, limit) {
			t.Fatal("no chance after 3 s of lateness")
		}
		if want := now.Add(3 * time.Second); s.Moved(due) != want {
			t.Errorf("moved to %v, want %v", s.Moved(due).Sub(start), want.Sub(start))
		}
		if got := s.Total(start, now, 0); got != 3*time.Second {
			t.Errorf("recorded %v", got)
		}
		if s.Forgive(s.Moved(due).Add(time.Minute), s.Moved(due), limit) {
			t.Error("the same deadline got a second chance")
		}
		if later := at(time.Minute); s.Moved(later) != later {
			t.Error("a later deadline was moved")
		}
	})
	t.Run("no longer than the limit", func(t *testing.T) {
		var s Stall
		now := due.Add(time.Hour)
		if !s.Forgive(now, due, limit) || s.Moved(due) != now.Add(limit) {
			t.Errorf("moved to %v", s.Moved(due).Sub(start))
		}
	})
	t.Run("a new deadline", func(t *testing.T) {
		var s Stall
		s.Forgive(due.Add(time.Second), due, limit)
		sign := s.Moved(due) // a sign of life: the silence begins anew
		next := sign.Add(limit)
		if !s.Forgive(next.Add(2*time.Second), next, limit) {
			t.Error("a deadline that began after the chance got none")
		}
		if got := s.Total(start, next, 0); got != 3*time.Second {
			t.Errorf("recorded %v", got)
		}
	})
}

// A program that comes nearly in time was away for long.
func TestAway(t *testing.T) {
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for _, tt := range []struct {
		name     string
		beats    []int // ms
		now, due int
		want     time.Duration
	}{
		{"there", []int{100, 200, 300, 400, 500, 600, 700}, 701, 700, 0},
		{"a busy machine", []int{100, 600}, 1100, 900, 0},
		{"back just now", []int{100}, 2010, 2000, 1910 * time.Millisecond},
		{"back before the question", []int{100, 2010, 2110}, 2200, 2000, 1910 * time.Millisecond},
		{"before the deadline", []int{100, 1800, 1900}, 2000, 2000, 0},
		{"after it", []int{100, 200}, 2000, 150, 0},
	} {
		p := pulse{runs: true, last: start}
		for _, ms := range tt.beats {
			p.beat(at(ms))
		}
		if got := p.away(at(tt.now), at(tt.due)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	p := pulse{last: start} // nobody was watching: an idle program
	if got := p.away(at(5000), at(4000)); got != 0 {
		t.Errorf("%v of a time that nobody watched", got)
	}
}

// Work that ended by itself, before anybody came to its deadline, is recorded
// all the same.
func TestEndedMeanwhile(t *testing.T) {
	ended := time.Now()
	program.mu.Lock()
	program.from, program.to = ended.Add(-2*time.Second), ended
	program.mu.Unlock()
	var s Stall
	started := ended.Add(-5 * time.Second)
	if got := s.Total(started, ended, time.Second); got != 2*time.Second {
		t.Errorf("recorded %v", got)
	}
	if got := s.Total(started, ended, 3*time.Second); got != 0 {
		t.Errorf("recorded %v although it was there when the deadline passed", got)
	}
	if got := s.Total(started, ended, 0); got != 0 {
		t.Errorf("recorded %v without a deadline", got)
	}
}

// The pulse runs while somebody wants it, and ends.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pulse
		for range 3 {
			p.watch()
			p.watch()
			time.Sleep(time.Minute)
			synctest.Wait()
			p.mu.Lock()
			if now := time.Now(); now.Sub(p.last) > beatEvery {
				t.Errorf("the last beat was %v ago", now.Sub(p.last))
			}
			p.mu.Unlock()
			p.unwatch()
			time.Sleep(time.Minute)
			p.unwatch()
			time.Sleep(time.Minute)
			synctest.Wait()
			p.mu.Lock()
			if p.runs || !p.from.IsZero() {
				t.Errorf("%+v", &p)
			}
			p.mu.Unlock()
		}
	})
}

// The clocks of a machine that sleeps cannot be had in a test; what they say
// can.
func TestSlept(t *testing.T) {
	for _, tt := range []struct {
		name              string
		gap, before, then time.Duration
		want              time.Duration
	}{
		{"nothing", 0, time.Hour, time.Hour, 0},
		{"slept", time.Minute, time.Hour, time.Hour + time.Minute, time.Minute},
		{"the wall clock was set", time.Minute, time.Hour, time.Hour, 0},
		{"the wall clock was set back", -time.Minute, time.Hour, time.Hour, 0},
		{"slept, and the wall clock was set as well", time.Hour, 0, time.Minute, time.Minute},
		{"slept before the attempt too", time.Minute, 0, time.Hour, time.Minute},
		{"a correction of the wall clock", Bound, 0, time.Hour, 0},
	} {
		m := sleeper{func() time.Duration { return tt.then }, tt.before}
		if got := m.slept(tt.gap); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAsleep(t *testing.T) {
	if a, b := asleep(), asleep(); a < 0 || b-a > Bound || a-b > Bound {
		t.Errorf("asleep for %v, then for %v", a, b)
	}
}
