package advise

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

// The textbook's example: weeks of remission under 6-MP (Freireich and others
// 1963), with the estimates and Greenwood's errors that every book prints.
func TestKaplanMeierOfTheTextbook(t *testing.T) {
	ended := []int{6, 6, 6, 7, 10, 13, 16, 22, 23}
	censored := []int{6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35}
	s := newSamples()
	for _, w := range ended {
		s.add(cutoff.OK, time.Duration(w)*sec, 0)
	}
	for _, w := range censored {
		s.add(cutoff.Timeout, time.Duration(w)*sec, 0)
	}
	c := newCurve(s)
	for _, want := range []struct {
		week          int
		alive, stdErr float64
	}{
		{5, 1, 0},
		{6, 0.857, 0.076}, {7, 0.807, 0.087}, {10, 0.753, 0.096}, {13, 0.690, 0.107},
		{16, 0.627, 0.114}, {22, 0.538, 0.128}, {23, 0.448, 0.135}, {35, 0.448, 0.135},
	} {
		got := c.at(time.Duration(want.week) * sec)
		near(t, "alive", got.alive, want.alive, 0.0006)
		near(t, "yield", got.yield, 1-got.alive, 1e-12) // nothing failed
		near(t, "error", got.stdErr, want.stdErr, 0.0006)
	}
}

// Without censoring everything is known by counting.
func TestCurveWithoutCensoring(t *testing.T) {
	s := newSamples()
	for i := 1; i <= 10; i++ {
		o := cutoff.OK
		if i%5 == 0 {
			o = cutoff.Failed
		}
		s.add(o, time.Duration(i)*sec, 0)
	}
	c := newCurve(s)
	at := c.at(7*sec + sec/2)
	near(t, "yield", at.yield, 0.6, 1e-12)
	near(t, "error", at.stdErr, math.Sqrt(0.6*0.4/10), 1e-12)
	near(t, "time", at.area/1e9, (1+2+3+4+5+6+7+3*7.5)/10.0, 1e-9)
	near(t, "effective", c.effective(10*sec), 8, 1e-9)
}

// Distributions whose yield and time are known, each under one limit, and under
// three limits dealt at random: the estimate is the same.
func TestKnownDistributions(t *testing.T) {
	const n = 40000
	logYield := func(x float64) float64 { return 0.5 * math.Erfc(-(math.Log(x)+2)/1.5/math.Sqrt2) }
	for name, d := range map[string]struct {
		draw  func(*rand.Rand) float64
		yield func(limit float64) float64
	}{
		"exponential": {exponential, func(x float64) float64 { return 1 - math.Exp(-x) }},
		"lognormal":   {lognormal, logYield},
		"bimodal":     {bimodal, func(x float64) float64 { return 0.9 * min(x/0.1, 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			one := newCurve(samplesOf(draw(n, 2*sec, d.draw)))
			r := rand.New(rand.NewPCG(3, 4))
			var mixed []sample
			for _, x := range draw(n, 0, d.draw) {
				mixed = append(mixed, under(cutoff.OK, x.wall, []time.Duration{sec / 20, sec, 2 * sec}[r.IntN(3)]))
			}
			many := newCurve(samplesOf(mixed))
			for _, x := range []float64{0.02, 0.07, 0.3, 0.9, 1.5} {
				limit := time.Duration(x * 1e9)
				near(t, "yield", one.at(limit).yield, d.yield(x), 0.01)
				near(t, "yield of mixed limits", many.at(limit).yield, d.yield(x), 0.013)
				near(t, "time", one.at(limit).area/1e9, integral(d.yield, x), 0.01)
				near(t, "time of mixed limits", many.at(limit).area/1e9, integral(d.yield, x), 0.013)
			}
		})
	}
}

// integral of 1 - yield from 0 to x: what an attempt takes on average.
func integral(yield func(float64) float64, x float64) float64 {
	const steps = 100_000
	sum := 0.0
	for i := range steps {
		sum += 1 - yield(x*(float64(i)+0.5)/steps)
	}
	return sum * x / steps
}

// What fails never gives a result: two exponentials race, one of them to a
// failure, and at last two thirds are results. Failures taken for censored
// would make it all of them.
func TestFailuresAreNoResultsToCome(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var list []sample
	for range 40000 {
		result, failure := r.ExpFloat64(), 2*r.ExpFloat64()
		o := []cutoff.Outcome{cutoff.Failed, cutoff.Crashed, cutoff.Memory, cutoff.CPU, cutoff.Idle, cutoff.Output}[r.IntN(6)]
		if result < failure {
			o = cutoff.OK
		}
		list = append(list, under(o, time.Duration(min(result, failure)*1e9), 3*sec))
	}
	c := newCurve(samplesOf(list))
	for _, x := range []float64{0.2, 1, 2.9} {
		near(t, "yield", c.at(time.Duration(x*1e9)).yield, 2.0/3*(1-math.Exp(-1.5*x)), 0.01)
	}
}

// Memory is bounded, and rounding makes results later, never earlier.
func TestManyDurations(t *testing.T) {
	list := draw(3*maxTimes, 2*sec, exponential)
	s := samplesOf(list)
	if !s.rounded || len(s.at) > maxTimes/2 || s.total.all() != int64(len(list)) {
		t.Fatalf("rounded %v, %d times, %d attempts", s.rounded, len(s.at), s.total.all())
	}
	for _, x := range list {
		if r := roundUp(x.wall); r < x.wall || float64(r) > float64(x.wall)*1.002 || roundUp(r) != r {
			t.Fatalf("%d rounded to %d", x.wall, r)
		}
	}
	if roundUp(math.MaxInt64) != math.MaxInt64 {
		t.Error("overflow")
	}
	near(t, "yield", newCurve(s).at(sec).yield, 1-math.Exp(-1), 0.005)
}
