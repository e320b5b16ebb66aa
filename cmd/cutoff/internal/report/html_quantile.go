package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// quantileView is the plot that solvers are compared by: so many tasks ended
// within so much time. It is drawn from the histogram, and so from all tasks.
type quantileView struct {
	About          string
	Picture        template.HTML
	Cutoff         *tickView
	XTicks, YTicks []tickView
	Table          []cellView
}

type cellView struct{ Label, Value string }

const (
	gridY = 1000
	// logFrom is the ratio of the longest to the shortest from which the time
	// axis is logarithmic.
	logFrom = 60
	// maxDecades bounds it below.
	maxDecades = 6
)

// newQuantileView returns nil if no task ended ok.
func newQuantileView(d *detail) *quantileView {
	h := &d.settled[classOK]
	if h.n == 0 {
		return nil
	}
	steps := h.quantiles(int(min(h.n, 400)))
	cut := d.Header.Limits.Timeout
	s := newScale(steps[0], h.max, cut)
	v := &quantileView{
		About: fmt.Sprintf("%s of %s tasks ended ok (%s). The curve passes a task at the height of its wall time; where it ends, the others begin: they were cut off, failed or never ran.",
			thousands(h.n), thousands(d.Tasks()), percent(share(h.n, d.Tasks()))),
		YTicks: s.ticks(),
		XTicks: countTicks(d.Tasks()),
	}
	body := s.gridLines(v.YTicks) + curve(steps, s, share(h.n, d.Tasks()))
	if cut > 0 && s.shows(cut) {
		y := s.at(cut)
		v.Cutoff = &tickView{round2(100 * y), "cutoff " + exactDuration(cut)}
		body += fmt.Sprintf(`<path class="cut" d="M0 %dH%d"/>`, flip(y), gridX)
	}
	v.Picture = picture("quant", gridX, gridY, 280, v.About, body)
	q := h.quantiles(1000)
	for _, p := range []int{100, 250, 500, 750, 900, 950, 990, 1000} {
		v.Table = append(v.Table, cellView{fmt.Sprintf("%d %%", p/10), shortDuration(q[p-1])})
	}
	return v
}

// curve draws the steps over the given share of the width.
func curve(steps []time.Duration, s scale, width float64) string {
	var line strings.Builder
	last := -1
	for i, d := range steps {
		x, y := int(math.Round(gridX*width*float64(i)/float64(len(steps)))), flip(s.at(d))
		switch {
		case i == 0:
			fmt.Fprintf(&line, "M0 %d", y)
		case y != last:
			fmt.Fprintf(&line, "H%dV%d", x, y)
		}
		last = y
	}
	end := int(math.Round(gridX * width))
	fmt.Fprintf(&line, "H%d", end)
	return fmt.Sprintf(`<path class="under" d="%sV%dH0z"/><path class="curve" d=%q/>`, line.String(), gridY, line.String())
}

func flip(y float64) int       { return gridY - int(math.Round(gridY*y)) }
func round2(x float64) float64 { return math.Round(100*x) / 100 }

// scale maps durations to 0…1.
type scale struct {
	log      bool
	low, top float64 // seconds
}

func newScale(shortest, longest, cut time.Duration) scale {
	top := max(longest, 1)
	if cut > 0 && cut <= 4*longest {
		top = max(top, cut)
	}
	s := scale{top: top.Seconds() * 1.06}
	low := max(shortest.Seconds(), 1e-9)
	if top.Seconds()/low < logFrom {
		return s
	}
	s.log = true
	s.low = max(math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Floor(math.Log10(s.top))-maxDecades))
	s.top = top.Seconds() * 1.35
	return s
}

func (s scale) shows(d time.Duration) bool { return d.Seconds() <= s.top }

func (s scale) at(d time.Duration) float64 {
	x := d.Seconds()
	if s.log {
		return min(max(math.Log(max(x, s.low)/s.low)/math.Log(s.top/s.low), 0), 1)
	}
	return min(max(x/s.top, 0), 1)
}

func (s scale) ticks() (out []tickView) {
	if !s.log {
		a := newAxis(time.Duration(s.top * float64(time.Second)))
		for _, t := range a.ticks {
			out = append(out, tickView{round2(100 * s.at(t.at)), tickText(t.at)})
		}
		return out
	}
	for x := s.low; x <= s.top; x *= 10 {
		d := time.Duration(math.Round(x * 1e9))
		out = append(out, tickView{round2(100 * s.at(d)), exactDuration(d)})
	}
	return out
}

func tickText(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	return exactDuration(d)
}

func (s scale) gridLines(ticks []tickView) string {
	var b strings.Builder
	for _, t := range ticks {
		fmt.Fprintf(&b, `<path class="grid" d="M0 %dH%d"/>`, flip(t.At/100), gridX)
	}
	return b.String()
}

// countTicks are four to ten round numbers up to n, if it has as many.
func countTicks(n int64) (out []tickView) {
	step := int64(math.Pow(10, math.Floor(math.Log10(float64(n)))))
	switch {
	case step < 10: // every number
	case n/step < 2:
		step /= 5
	case n/step < 4:
		step /= 2
	}
	for x := int64(0); x <= n; x += step {
		out = append(out, tickView{round2(100 * float64(x) / float64(n)), thousands(x)})
	}
	return out
}
