package advise

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

func adviceOf(keep float64, list []sample) *Advice {
	return samplesOf(list).advise(Options{Keep: keep})
}

// Nine tenths end within 0.1 s and the rest never: the limit is at 0.1 s, not
// below, and of the 0.59 s that an attempt took 0.055 are left.
func TestHopelessTasks(t *testing.T) {
	a := adviceOf(0.99, draw(20000, 5*sec, bimodal))
	if a.Kind != Shorten || a.Best.Limit > sec/10 || a.Best.Limit < sec*98/1000 {
		t.Fatalf("%s %v", a.Kind, a.Best)
	}
	near(t, "kept", a.Best.Kept, 0.995, 0.006)
	near(t, "saved", a.Best.Saved, 1-0.055/0.545, 0.01)
	if a.Best.KeptLow < 0.99 {
		t.Errorf("not sure: %+v", a.Best)
	}
}

// Timeouts are no durations: how long the limit was has no part in the advice.
func TestTimeoutsAreNoDurations(t *testing.T) {
	short := adviceOf(0.95, draw(5000, sec, bimodal))
	long := adviceOf(0.95, draw(5000, 100*sec, bimodal))
	if short.Best == nil || long.Best == nil || short.Best.Limit != long.Best.Limit {
		t.Errorf("%s; %s", short.Verdict(), long.Verdict())
	}
}

// A memoryless time gains nothing by a limit: what has run is no worse than
// what is new.
func TestNothingToGain(t *testing.T) {
	for _, limit := range []time.Duration{0, 2 * sec} {
		a := adviceOf(0.5, draw(20000, limit, exponential))
		if a.Best != nil && a.Best.Cost < time.Duration(0.96*float64(a.Now.Cost)) {
			t.Errorf("limit %v: %s", limit, a.Verdict())
		}
	}
	// Equal times, and a share that only the longest keeps.
	a := adviceOf(0.95, slices.Repeat([]sample{{cutoff.OK, sec, 5 * sec}}, 100))
	if a.Kind != Stay || a.Best != nil {
		t.Errorf("%s", a.Verdict())
	}
}

// Without a limit there may be one that would have been right.
func TestNothingWasCutOff(t *testing.T) {
	list := slices.Concat(draw(2000, 0, func(r *rand.Rand) float64 { return 0.1 * r.Float64() }),
		slices.Repeat([]sample{{cutoff.OK, 60 * sec, 0}}, 20))
	a := adviceOf(0.95, list)
	if a.Kind != Shorten || a.Limit != 0 || a.Best.Limit > sec/10 || a.Censored != 0 {
		t.Fatalf("%s %+v", a.Verdict(), a.Best)
	}
}

// Few samples are no ground for a limit, whatever they look like.
func TestTooLittle(t *testing.T) {
	fast := sample{cutoff.OK, time.Millisecond, 5 * sec}
	slow := sample{cutoff.Timeout, 5 * sec, 5 * sec}
	for name, c := range map[string]struct {
		list []sample
		keep float64
		want Kind
	}{
		"nothing":          {nil, 0.95, TooLittle},
		"one fast":         {[]sample{fast}, 0.95, TooLittle},
		"one fast of many": {append(slices.Repeat([]sample{slow}, 500), fast), 0.95, TooLittle},
		"one below":        {append(slices.Repeat([]sample{fast}, 51), slow), 0.95, TooLittle},
		"enough":           {append(slices.Repeat([]sample{fast}, 52), slow), 0.95, Shorten},
		"enough for less":  {append(slices.Repeat([]sample{fast}, 20), slow), 0.5, Shorten},
		"never below 20":   {append(slices.Repeat([]sample{fast}, 19), slow), 0.01, TooLittle},
		"no result":        {slices.Repeat([]sample{slow}, 500), 0.95, NoResults},
		"no result yet":    {slices.Repeat([]sample{slow}, 5), 0.95, TooLittle},
	} {
		if a := adviceOf(c.keep, c.list); a.Kind != c.want || (a.Best != nil) != (c.want == Shorten) {
			t.Errorf("%s: %s, want %s", name, a.Kind, c.want)
		}
	}
}

// needed is where the bound of a share that was kept whole reaches it.
func TestNeeded(t *testing.T) {
	for _, keep := range []float64{0.9, 0.95, 0.99, 0.999} {
		n := float64(needed(keep))
		if wilsonLow(1, n) < keep || wilsonLow(1, n-1) >= keep {
			t.Errorf("%v: %v", keep, n)
		}
	}
}

// Nothing is advised, drawn or said beyond the largest limit, and what is
// advised keeps what was asked.
func TestNeverBeyond(t *testing.T) {
	for _, keep := range []float64{0.3, 0.9, 0.95, 0.99} {
		for _, limit := range []time.Duration{0, 123456789, 2 * sec} {
			a := adviceOf(keep, draw(3000, limit, lognormal))
			points := append(slices.Clone(a.Table), a.Curve...)
			if a.Best != nil {
				points = append(points, *a.Best)
				if a.Best.KeptLow < keep {
					t.Errorf("keep %v: %+v", keep, a.Best)
				}
			}
			for _, p := range points {
				if p.Limit > a.Now.Limit || limit > 0 && p.Limit > limit || p.Low > p.Yield || p.High < p.Yield || p.KeptLow > p.Kept {
					t.Errorf("limit %v: %+v", limit, p)
				}
			}
		}
	}
}

func TestRoundLimit(t *testing.T) {
	for in, want := range map[time.Duration]time.Duration{
		0: 0, 7: 7, 99: 99, 100: 100, 101: 110, 999: 1000, 310_000_000: 310_000_000, 310_000_001: 320_000_000, math.MaxInt64: math.MaxInt64,
	} {
		if got := roundLimit(in); got != want {
			t.Errorf("%d: %d, want %d", in, got, want)
		}
	}
}
