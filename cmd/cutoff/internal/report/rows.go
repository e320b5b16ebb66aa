package report

import (
	"fmt"
	"time"
)

// rows is the inside of the figure for few tasks: a row with a name, a bar and
// a duration each, in the order of the batch.
type rows struct {
	rows  []row
	names []string
	ends  []string // what stands at the end of a bar

	pitch, bar, size float64 // of a row, its bar and its letters
	labels, tails    float64 // widths
	max              time.Duration
}

// maxLabel bounds the width of names.
const maxLabel = 230.0

func newRows(s *Summary, fonts *fonts) *rows {
	r := &rows{rows: s.order}
	switch n := len(r.rows); {
	case n <= 15:
		r.pitch, r.bar, r.size = 28, 16, 13
	case n <= 30:
		r.pitch, r.bar, r.size = 21, 12, 12
	default:
		r.pitch, r.bar, r.size = 16, 9, 10.5
	}
	for _, row := range r.rows {
		name := shorten(clean(row.name), maxLabel, func(s string) float64 { return fonts.width(s, r.size, false) })
		r.names = append(r.names, name)
		r.labels = max(r.labels, fonts.width(name, r.size, false))
		end := row.endText()
		r.ends = append(r.ends, end)
		r.tails = max(r.tails, fonts.width(end, r.size, false))
		r.max = max(r.max, row.wall)
		if row.limitShown() {
			r.max = max(r.max, row.limit)
		}
	}
	return r
}

// limitShown says whether the row has a cutoff of its own that is near enough
// to be drawn.
func (r row) limitShown() bool { return r.ownLimit && r.limit > 0 && r.limit <= 2*r.wall }

// endText is what stands behind a bar.
func (r row) endText() string {
	var s string
	switch r.class {
	case classNotStarted, classNoEnd:
		s = looks[r.class].name
	default:
		s = shortDuration(r.wall)
	}
	if r.note != "" {
		s += ", " + r.note
	}
	switch {
	case r.ownLimit && r.limit == 0:
		s += ", no cutoff"
	case r.ownLimit:
		s += ", cutoff " + exactDuration(r.limit)
	}
	if r.attempt > 1 {
		s += fmt.Sprintf(", attempt %d", r.attempt)
	}
	return s
}

func (r *rows) height() float64        { return r.pitch * float64(len(r.rows)) }
func (r *rows) labelWidth() float64    { return r.labels*fontSlack + 4 }
func (r *rows) longest() time.Duration { return r.max }

// markRoom is the width of the mark between a bar and its text.
func (r *rows) markRoom() float64 { return r.size + 12 }

func (r *rows) endWidth() float64 { return r.markRoom() + r.tails*fontSlack }

func (r *rows) draw(f *figure, cv canvas) {
	for i, row := range r.rows {
		if row.class == classNotStarted || row.class == classNoEnd {
			continue
		}
		y := plotTop + r.pitch*float64(i) + (r.pitch-r.bar)/2
		cv.group(r.names[i] + ": " + looks[row.class].name + ", " + r.ends[i])
		cv.polygon(rect(f.left, y, f.barEnd(row.wall)-f.left, r.bar), looks[row.class].fill)
		cv.end()
	}
}

// label writes over bars and lines what belongs to each row.
func (r *rows) label(f *figure, cv canvas) {
	for i, row := range r.rows {
		middle := plotTop + r.pitch*(float64(i)+0.5)
		base := middle + r.size*0.35
		cv.text(point{f.left - 10, base}, r.names[i], style{size: r.size, anchor: anchorEnd, color: colorInk})
		x := f.left
		if row.wall > 0 {
			x = f.barEnd(row.wall)
		}
		if row.limitShown() {
			own := f.x(row.limit)
			cv.stroke([]point{{own, middle - r.pitch/2}, {own, middle + r.pitch/2}}, false, 1.5, 3, colorInk)
			x = max(x, own)
		}
		if f.cutoff > 0 && !f.cutoffFar && x < f.x(f.cutoff)+3 && x > f.x(f.cutoff)-3 {
			x = f.x(f.cutoff) + 1 // the end of the bar is the line
		}
		width := r.markRoom() + f.fonts.width(r.ends[i], r.size, false)
		cv.polygon(rect(x+3, middle-r.size*0.7, width+2, r.size*1.4), paint{color: colorBack}) // no line runs through the words
		l := looks[row.class]
		l.mark(cv, point{x + 7 + r.size*0.45, middle}, r.size*0.45, l.ink)
		cv.text(point{x + r.markRoom(), base}, r.ends[i], style{size: r.size, color: colorInk})
	}
}
