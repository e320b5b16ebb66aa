package advise

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

// One half of a batch foretells what the other half gives and saves under
// shorter limits, within two points: on average over many halves, since a half
// is itself a sample, and off by its own luck. That the estimate has no lean
// shows where the errors of all halves cancel.
func TestHalfForetellsTheOther(t *testing.T) {
	for name, list := range map[string][]sample{
		"hopeless":    recorded(t, "hopeless.txt"),
		"sat":         recorded(t, "sat.txt"),
		"exponential": draw(4000, 2*sec, exponential),
		"lognormal":   draw(4000, 2*sec, lognormal),
		"bimodal":     draw(4000, 2*sec, bimodal),
	} {
		t.Run(name, func(t *testing.T) { foretell(t, list) })
	}
}

func foretell(t *testing.T, list []sample) {
	const halves = 50
	r := rand.New(rand.NewPCG(1, 2))
	horizon := list[0].limit
	for _, share := range []float64{0.01, 0.05, 0.2, 0.5, 0.8} {
		limit := time.Duration(share * float64(horizon))
		var off, lean, offSaved float64
		for range halves {
			train, test := halve(r, list)
			c := newCurve(samplesOf(train))
			yield, took := replay(test, limit)
			_, now := replay(test, horizon)
			off += math.Abs(c.at(limit).yield-yield) / halves
			lean += (c.at(limit).yield - yield) / halves
			offSaved += math.Abs(c.at(limit).area/c.at(horizon).area-took/now) / halves
		}
		t.Logf("%8v: yield off by %.2f points (lean %+.2f), time saved by %.2f", limit, 100*off, 100*lean, 100*offSaved)
		near(t, "yield", off, 0, 0.02)
		near(t, "lean", lean, 0, 0.006)
		near(t, "saved", offSaved, 0, 0.02)
	}
}

// halve deals attempts to two halves: of each two that ended one after the
// other one to each, at random. So both have the same share of a batch whose
// input is in an order, as that of the formulas is.
func halve(r *rand.Rand, list []sample) (train, test []sample) {
	for i := 0; i+1 < len(list); i += 2 {
		k := r.IntN(2)
		train = append(train, list[i+k])
		test = append(test, list[i+1-k])
	}
	return train, test
}

// replay counts what attempts would have given and taken under a limit that is
// not above theirs.
func replay(list []sample, limit time.Duration) (yield, mean float64) {
	for _, x := range list {
		if x.outcome == cutoff.OK && x.wall <= limit {
			yield++
		}
		mean += float64(min(x.wall, limit))
	}
	n := float64(len(list))
	return yield / n, mean / n
}

// The limit that one half advises keeps what was asked for in the other, and
// saves what was said.
func TestAdviceHolds(t *testing.T) {
	for _, name := range []string{"hopeless.txt", "sat.txt"} {
		list := recorded(t, name)
		r := rand.New(rand.NewPCG(8, 9))
		const halves = 50
		enough := 0
		var kept, saved, saidKept, saidSaved float64
		for range halves {
			train, test := halve(r, list)
			a := samplesOf(train).advise(Options{Keep: 0.95})
			if a.Kind != Shorten {
				t.Fatalf("%s: %s", name, a.Verdict())
			}
			yield, mean := replay(test, a.Best.Limit)
			allYield, all := replay(test, sec/2)
			kept += yield / allYield / halves
			saved += (1 - mean/all) / halves
			saidKept += a.Best.Kept / halves
			saidSaved += a.Best.Saved / halves
			if yield/allYield >= 0.95-0.01 {
				enough++
			}
		}
		t.Logf("%s: kept %.4f, said %.4f; saved %.4f, said %.4f; enough in %d of %d", name, kept, saidKept, saved, saidSaved, enough, halves)
		near(t, name+": kept", kept, saidKept, 0.02)
		near(t, name+": saved", saved, saidSaved, 0.02)
		if enough < halves*9/10 {
			t.Errorf("%s: kept enough in %d of %d halves", name, enough, halves)
		}
	}
}
