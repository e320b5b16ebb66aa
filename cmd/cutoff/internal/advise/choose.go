package advise

import (
	"io"
	"math"
	"time"
)

// Options say what is asked.
type Options struct {
	// Keep is the least share of the results, above 0 and below 1, that an
	// advised limit keeps of those that the largest limit gave. Zero means 0.95.
	Keep float64
}

// Kind is what an advice comes to.
type Kind string

// The kinds.
const (
	// Shorten: a limit below the present one, or a first one, pays.
	Shorten Kind = "shorten"
	// Stay: no limit that keeps enough gets results for less.
	Stay Kind = "stay"
	// TooLittle: the journal has too few results to promise anything.
	TooLittle Kind = "too_little_data"
	// NoResults: no attempt gave a result, so no limit is good for any.
	NoResults Kind = "no_results"
)

// Advice is what a journal says about limits.
type Advice struct {
	Kind Kind
	Keep float64
	// Attempts is how many tell something: Results ended well, Without ended
	// without a result, and Censored were stopped by time or by hand.
	// Unmeasured have no end in the journal.
	Attempts, Results, Without, Censored, Unmeasured int64
	// Needed is how many results it takes to promise Keep.
	Needed int64
	// Limit is the largest that was in force, 0 if some attempt had none.
	// Mixed says that not all had the same.
	Limit time.Duration
	Mixed bool
	// Now is the state under the largest limit, or up to the longest attempt
	// where that is shorter: nothing is known beyond.
	Now Point
	// Best is the advised limit; nil unless Kind is Shorten.
	Best *Point
	// Table has the limits that keep 50, 90, 95 and 99 % of the results.
	Table []Point
	// Curve has at most 100 limits of equal distance in results.
	Curve []Point
	// Rounded says that durations were rounded up by up to 0.2 %.
	Rounded bool
	// BadLines counts lines that are no records; FirstBad is the first.
	BadLines int
	FirstBad error
}

// Point is what a limit means.
type Point struct {
	Limit time.Duration
	// Yield is the share of the attempts that give a result, from Low to High
	// with 95 % confidence.
	Yield, Low, High float64
	// Kept is the share of the present results; KeptLow is what it is at least,
	// with 95 % confidence.
	Kept, KeptLow float64
	// Time is what an attempt takes on average, Cost what a result does.
	Time, Cost time.Duration
	// Saved is the share of the present time that it saves.
	Saved float64

	cost float64 // in ns, unrounded
}

const (
	zTwoSided = 1.959964 // 95 % between two bounds
	zOneSided = 1.644854 // 95 % above one

	// minResults is needed whatever is to be kept: one fast sample, or ten, are
	// no ground for a limit.
	minResults = 20
	// minGain is how much less a result must cost for a change to be advised.
	minGain = 0.01
	// curvePoints is how many points a curve has.
	curvePoints = 100
)

// tableKeeps are the shares that Advice.Table has.
var tableKeeps = []float64{0.50, 0.90, 0.95, 0.99}

// Read gives advice from a journal. An error is one of reading.
func Read(r io.Reader, o Options) (*Advice, error) {
	s, err := readSamples(r)
	if err != nil {
		return nil, err
	}
	if o.Keep == 0 {
		o.Keep = 0.95
	}
	return s.advise(o), nil
}

func (s *samples) advise(o Options) *Advice {
	a := &Advice{
		Keep: o.Keep, Attempts: s.total.all(), Results: s.total.results, Without: s.total.without, Censored: s.total.censored,
		Unmeasured: s.unmeasured, Needed: needed(o.Keep), Mixed: s.lowest != s.limit || s.unlimited && s.limit > 0,
		Rounded: s.rounded, BadLines: s.badLines, FirstBad: s.firstBad,
	}
	if !s.unlimited {
		a.Limit = s.limit
	}
	if a.Attempts == 0 {
		a.Kind = TooLittle
		return a
	}
	e := newEstimate(s)
	a.Now = e.point(e.horizon)
	if e.now.results == 0 {
		a.Kind = NoResults
		if a.Attempts < minResults {
			a.Kind = TooLittle
		}
		return a
	}
	for _, keep := range tableKeeps {
		a.Table = append(a.Table, e.keeping(keep))
	}
	for i := range curvePoints {
		p := e.keeping(float64(i+1) / curvePoints)
		if last := len(a.Curve) - 1; last < 0 || a.Curve[last].Limit != p.Limit {
			a.Curve = append(a.Curve, p)
		}
	}
	a.choose(e)
	return a
}

// choose looks for the limit at which a result costs least, among those of
// which it is sure that they keep enough.
func (a *Advice) choose(e *estimate) {
	if e.effective < float64(a.Needed) {
		a.Kind = TooLittle
		return
	}
	a.Kind = Stay
	best := a.Now
	last := time.Duration(-1)
	for _, step := range e.curve.steps {
		if step.at > e.horizon {
			break
		}
		limit := min(roundLimit(step.at), e.horizon)
		if limit == last { // rounded to the one before
			continue
		}
		last = limit
		if p := e.point(limit); p.KeptLow >= a.Keep && p.cost < best.cost {
			best = p
		}
	}
	if best.cost < a.Now.cost*(1-minGain) {
		a.Kind, a.Best = Shorten, &best
	}
}

// needed is how many results it takes to be sure of a share: as many as let
// Wilson's bound reach it when all of them are kept.
func needed(keep float64) int64 {
	return max(int64(math.Ceil(keep/(1-keep)*zOneSided*zOneSided)), minResults)
}

// estimate is a curve with what it is compared with.
type estimate struct {
	curve     *curve
	horizon   time.Duration
	now       step
	effective float64
}

func newEstimate(s *samples) *estimate {
	e := &estimate{curve: newCurve(s), horizon: s.horizon()}
	if s.rounded {
		e.horizon = roundUp(e.horizon)
		if s.limit > 0 && !s.unlimited {
			e.horizon = min(e.horizon, s.limit)
		}
	}
	e.now = e.curve.at(e.horizon)
	e.effective = e.curve.effective(e.horizon)
	return e
}

// point says what a limit up to the horizon means.
func (e *estimate) point(limit time.Duration) Point {
	s := e.curve.at(limit)
	margin := zTwoSided * s.stdErr
	p := Point{
		Limit: limit, Yield: s.yield, Low: max(s.yield-margin, 0), High: min(s.yield+margin, 1),
		Time: time.Duration(math.Round(s.area)), cost: math.Inf(1),
	}
	if e.now.yield > 0 {
		p.Kept = min(s.yield/e.now.yield, 1)
		p.KeptLow = wilsonLow(p.Kept, e.effective)
	}
	if e.now.area > 0 {
		p.Saved = max(1-s.area/e.now.area, 0)
	}
	if s.yield > 0 {
		p.cost = s.area / s.yield
		p.Cost = time.Duration(math.Round(p.cost))
	}
	return p
}

// keeping returns the least limit that keeps a share of the results.
func (e *estimate) keeping(share float64) Point {
	const ulps = 1e-12 // a sum of many jumps
	for _, s := range e.curve.steps {
		if s.at <= e.horizon && s.yield >= share*e.now.yield-ulps && s.results > 0 {
			return e.point(min(roundLimit(s.at), e.horizon))
		}
	}
	return e.point(e.horizon)
}

// wilsonLow is the lower bound of a share seen in n samples (Wilson 1927). It
// is below 1 even if the share is 1.
func wilsonLow(share, n float64) float64 {
	if n == 0 {
		return 0
	}
	const z = zOneSided
	center := share + z*z/(2*n)
	spread := z * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	return max((center-spread)/(1+z*z/n), 0)
}

// roundLimit rounds up to two digits, so that a limit can be typed and is
// never below what the data showed.
func roundLimit(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 100 {
		unit *= 10
	}
	if rest := d % unit; rest > 0 && d < math.MaxInt64-unit {
		d += unit - rest
	}
	return d
}
