package report

import (
	"fmt"
	"time"
)

// profile is the inside of the figure for many tasks: one shape for each
// class, all its durations from the shortest at the top to the longest. A
// shape is as high as its share of the tasks, and has a step for each task as
// long as there are fewer tasks than pixels; so it is bounded, and shows all.
type profile struct {
	bands  []band
	labels float64 // width
	end    time.Duration
}

// band is one class.
type band struct {
	class       class
	name, about string
	y, h        float64 // within the plot
	steps       []time.Duration
}

const (
	profileHeight = 420.0
	minBand       = 3.0 // however few the tasks, they are seen
	bandGap       = 3.0
	bandSize      = 13.0 // of letters
	aboutSize     = 11.0
	bandLine      = 17.0 // between label lines
	markWidth     = 18.0
)

func newProfile(s *Summary, fonts *fonts) *profile {
	p := &profile{}
	var present []class
	for c := range numClasses {
		if s.count(c) > 0 {
			present = append(present, c)
		}
	}
	room := profileHeight - minBand*float64(len(present)) - bandGap*float64(len(present)-1)
	y := 0.0
	for _, c := range present {
		n := s.count(c)
		b := band{class: c, y: y, h: minBand + room*float64(n)/float64(s.Tasks())}
		b.name = thousands(n) + " " + s.className(c)
		if h := &s.settled[c]; c != classNotStarted && c != classNoEnd {
			b.steps = h.quantiles(int(min(n, int64(b.h))))
			b.about = about(h)
			p.end = max(p.end, h.max)
		}
		p.labels = max(p.labels, fonts.width(b.name, bandSize, true)*boldSlack, fonts.width(b.about, aboutSize, false)*fontSlack)
		p.bands = append(p.bands, b)
		y += b.h + bandGap
	}
	return p
}

// about says what a band's shape is too coarse for.
func about(h *histogram) string {
	median, longest := shortDuration(h.quantiles(2)[0]), shortDuration(h.max)
	switch {
	case h.n == 1:
		return longest
	case median == longest:
		return "longest " + longest
	}
	return fmt.Sprintf("median %s, longest %s", median, longest)
}

func (p *profile) height() float64        { return profileHeight }
func (p *profile) labelWidth() float64    { return p.labels + markWidth + 22 }
func (p *profile) endWidth() float64      { return 30 }
func (p *profile) longest() time.Duration { return p.end }

func (p *profile) draw(f *figure, cv canvas) {
	for _, b := range p.bands {
		if len(b.steps) == 0 {
			continue
		}
		top := plotTop + b.y
		pitch := b.h / float64(len(b.steps))
		shape := []point{{f.left, top}}
		for i, d := range b.steps {
			x := f.barEnd(d)
			if last := &shape[len(shape)-1]; i > 0 && last.x == x {
				last.y = top + pitch*float64(i+1)
				continue
			}
			shape = append(shape, point{x, top + pitch*float64(i)}, point{x, top + pitch*float64(i+1)})
		}
		shape = append(shape, point{f.left, top + b.h})
		cv.group(b.name + ", " + b.about)
		cv.polygon(shape, looks[b.class].fill)
		cv.end()
	}
}

// label writes the names of the bands beside them, moved apart where bands
// are thinner than letters, and ties each to its band.
func (p *profile) label(f *figure, cv canvas) {
	for i, y := range p.labelPlaces() {
		b := p.bands[i]
		l := looks[b.class]
		top := plotTop + b.y
		bracket := f.left - 6
		cv.polygon(rect(bracket-3, top, 3, b.h), paint{color: l.fill.color})
		cv.stroke([]point{{bracket - 3, top + b.h/2}, {bracket - 12, plotTop + y}}, false, 1, 0, l.fill.color)

		l.mark(cv, point{bracket - 22, plotTop + y}, 6, l.ink)
		right := bracket - 16 - markWidth
		cv.text(point{right, plotTop + y + bandSize*0.35}, b.name, style{size: bandSize, bold: true, anchor: anchorEnd, color: colorInk})
		if b.about != "" {
			cv.text(point{right, plotTop + y + bandLine + aboutSize*0.2}, b.about, style{size: aboutSize, anchor: anchorEnd, color: colorSoft})
		}
	}
}

// labelPlaces returns the middle of each label's first line: that of its band,
// or as near to it as its neighbors leave room.
func (p *profile) labelPlaces() []float64 {
	ys := make([]float64, len(p.bands))
	lines := func(i int) float64 {
		if p.bands[i].about == "" {
			return 1
		}
		return 2
	}
	for i, b := range p.bands {
		ys[i] = b.y + b.h/2
		if i > 0 {
			ys[i] = max(ys[i], ys[i-1]+bandLine*lines(i-1)+6)
		}
	}
	limit := profileHeight
	for i := len(ys) - 1; i >= 0; i-- {
		ys[i] = min(ys[i], limit-bandLine*(lines(i)-0.5))
		limit = ys[i] - bandLine/2 - 6
	}
	return ys
}
