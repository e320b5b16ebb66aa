package advise

import (
	"maps"
	"math"
	"slices"
	"sort"
	"time"
)

// A curve is the estimate of what every limit yields and takes.
//
// How many attempts still run at a time t, S(t), is the estimate of Kaplan and
// Meier (1958), in which every end by itself is an event. The share that has
// given a result by then, F(t), is that of Aalen and Johansen (1978): the sum of
// S(t-)·results(t)/atrisk(t). It is Kaplan and Meier's own where nothing fails,
// and does not, as theirs would, take what failed for what would have come
// later. An attempt under a limit L takes min(T, L), on average the area below S
// from 0 to L.
type curve struct {
	steps []step
	// weights is the sum of the squares of the jumps of F for each result; see
	// effective.
	weights []float64
}

// step is the state from time at on, until the next step.
type step struct {
	at      time.Duration
	alive   float64 // S
	yield   float64 // F
	area    float64 // below S from 0 to at, in ns
	stdErr  float64 // of yield
	results int64   // observed up to at
}

func newCurve(s *samples) *curve {
	c := &curve{}
	now := step{alive: 1}
	c.push(now, 0)
	atRisk := float64(s.total.all())
	squares := 0.0
	var v variance
	for _, at := range slices.Sorted(maps.Keys(s.at)) {
		n := s.at[at]
		results, ends := float64(n.results), float64(n.ends())
		now.area += now.alive * float64(at-now.at)
		now.at = at
		jump := now.alive / atRisk // of F, for each result
		now.yield += jump * results
		squares += jump * jump * results
		v.add(now.yield, now.alive, atRisk, ends, results)
		now.alive *= 1 - ends/atRisk
		now.results += n.results
		now.stdErr = v.stdErr(now.yield)
		// Of equal times the ends came first: what is censored there was at risk.
		atRisk -= float64(n.all())
		c.push(now, squares)
	}
	return c
}

func (c *curve) push(s step, squares float64) {
	if last := len(c.steps) - 1; last >= 0 && c.steps[last].at == s.at {
		c.steps[last], c.weights[last] = s, squares
		return
	}
	c.steps = append(c.steps, s)
	c.weights = append(c.weights, squares)
}

// find returns the index of the last step that is not after limit.
func (c *curve) find(limit time.Duration) int {
	return sort.Search(len(c.steps), func(i int) bool { return c.steps[i].at > limit }) - 1
}

// at returns the state at a limit.
func (c *curve) at(limit time.Duration) step {
	s := c.steps[c.find(limit)]
	s.area += s.alive * float64(limit-s.at)
	s.at = limit
	return s
}

// effective is how many results without censoring would tell as much about
// their own times up to a limit (Kish 1965): results that were seen at limits
// which few attempts had stand for many, and weigh more. Without censoring
// below the limit it is the number of results.
func (c *curve) effective(limit time.Duration) float64 {
	i := c.find(limit)
	if c.weights[i] == 0 {
		return 0
	}
	return c.steps[i].yield * c.steps[i].yield / c.weights[i]
}

// variance is that of F, by the formula for competing ends that Greenwood's is
// the case of where nothing fails (Marubini and Valsecchi 1995):
//
//	Σ (F(t)-F(j))² d/(n(n-d)) + Σ S(j-)² (n-r) r/n³ - 2 Σ (F(t)-F(j)) S(j-) r/n²
//
// over the times j up to t with n at risk, d ends and r results. The sums are
// kept as those of the powers of F(j), so that each time costs the same.
type variance struct {
	a0, a1, a2 float64 // d/(n(n-d)) times 1, F(j), F(j)²
	b          float64 // the second sum
	c0, c1     float64 // S(j-) r/n² times 1, F(j)
}

func (v *variance) add(yield, alive, n, ends, results float64) {
	if ends < n { // else nothing comes after it
		a := ends / (n * (n - ends))
		v.a0 += a
		v.a1 += a * yield
		v.a2 += a * yield * yield
	}
	v.b += alive * alive * (n - results) * results / (n * n * n)
	c := alive * results / (n * n)
	v.c0 += c
	v.c1 += c * yield
}

func (v *variance) stdErr(yield float64) float64 {
	sum := yield*yield*v.a0 - 2*yield*v.a1 + v.a2 + v.b - 2*(yield*v.c0-v.c1)
	return math.Sqrt(max(sum, 0))
}
