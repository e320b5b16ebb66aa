package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Timeline writes the figure: a bar for each task from its own start to its
// end, and the cutoff as a dashed line. Up to 60 tasks have a row and a name
// each; of more it shows all durations in order, in a picture of the same
// size. The same Summary gives the same bytes.
func (s *Summary) Timeline(w io.Writer, f Format) error {
	if s.Tasks() == 0 {
		return ErrNoTasks
	}
	fig := newFigure(s)
	var file []byte
	switch f {
	case SVG:
		cv := newSVG(figureWidth, fig.height, s.Verdict(), fig.describe())
		fig.draw(cv)
		file = cv.finish()
	case PNG:
		cv := newPNG(figureWidth, fig.height)
		fig.draw(cv)
		var err error
		if file, err = cv.finish(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown format %q", f)
	}
	_, err := w.Write(file)
	return err
}

// Measures of the figure, in pixels.
const (
	figureWidth = 900.0
	margin      = 24.0
	plotTop     = 112.0 // below title, legend and the cutoff's label
	axisHeight  = 50.0  // below the plot
	noteHeight  = 18.0  // of each footnote
	minBar      = 1.5   // so that the shortest task can still be seen

	// The viewer of an SVG may have wider fonts than ours, by so much.
	fontSlack = 1.13
	boldSlack = 1.28
)

// figure is the layout: everything that is decided before drawing.
type figure struct {
	s      *Summary
	fonts  *fonts
	body   body
	notes  []string
	height float64

	left, right float64       // of the plot: x of zero and of end
	end         time.Duration // the axis ends here
	cutoff      time.Duration // of the batch; 0 if it has none
	cutoffFar   bool          // so far beyond every task that it is not drawn
	axis        axis
}

// body is the inside of the plot: rows.go or profile.go.
type body interface {
	height() float64
	labelWidth() float64 // left of zero
	endWidth() float64   // right of the longest bar
	longest() time.Duration
	draw(f *figure, cv canvas) // bars
	label(f *figure, cv canvas)
}

func newFigure(s *Summary) *figure {
	f := &figure{s: s, fonts: newFonts(), cutoff: s.Header.Limits.Timeout}
	if s.overflow {
		f.body = newProfile(s, f.fonts)
	} else {
		f.body = newRows(s, f.fonts)
	}
	f.left = margin + f.body.labelWidth()
	f.right = figureWidth - margin - f.body.endWidth()
	f.end = f.body.longest()
	switch {
	case f.end == 0:
		f.end = max(f.cutoff, time.Second)
	case f.cutoff > 2*f.end:
		f.cutoffFar = true // it would squeeze every bar to the left edge
	default:
		f.end = max(f.end, f.cutoff)
	}
	f.axis = newAxis(f.end)
	f.notes = f.footnotes()
	f.height = plotTop + f.body.height() + axisHeight + noteHeight*float64(len(f.notes)) + 10
	return f
}

// footnotes say what the figure does not show.
func (f *figure) footnotes() []string {
	var notes []string
	s := f.s
	if s.overflow {
		notes = append(notes, "All tasks are shown, by outcome and from the shortest to the longest; heights are shares of the tasks.")
		if s.ownLimit > 0 {
			notes = append(notes, fmt.Sprintf("Tasks with a cutoff of their own, which is not drawn: %s.", thousands(s.ownLimit)))
		}
	}
	if s.retried > 0 {
		notes = append(notes, fmt.Sprintf("Of each task the last attempt is shown; earlier attempts: %s.", thousands(s.retried)))
	}
	if s.BadLines > 0 {
		notes = append(notes, fmt.Sprintf("Lines of the journal that are no records: %s.", thousands(int64(s.BadLines))))
	}
	return notes
}

// describe tells in words what the figure shows.
func (f *figure) describe() string {
	limit := "no cutoff for the whole batch"
	if f.cutoff > 0 {
		limit = "a dashed line at the cutoff of " + exactDuration(f.cutoff)
		if f.cutoffFar {
			limit = "a cutoff of " + exactDuration(f.cutoff) + ", far beyond the longest task"
		}
	}
	return fmt.Sprintf("Bars from each task's own start to its end, in %s, and %s.",
		strings.Fields(f.axis.title)[0], limit)
}

func (f *figure) draw(cv canvas) {
	cv.polygon(rect(0, 0, figureWidth, f.height), paint{color: colorBack})
	f.drawTitle(cv)
	f.drawLegend(cv)
	f.drawAxis(cv)
	f.body.draw(f, cv)
	f.drawCutoff(cv)
	f.body.label(f, cv)
	y := f.bottom() + axisHeight
	for _, note := range f.notes {
		y += noteHeight
		cv.text(point{margin, y - 6}, note, style{size: 11.5, color: colorSoft})
	}
}

func (f *figure) bottom() float64 { return plotTop + f.body.height() }

// x returns where a duration ends.
func (f *figure) x(d time.Duration) float64 {
	return f.left + (f.right-f.left)*float64(d)/float64(f.end)
}

// barEnd is x for the end of a bar that must be seen.
func (f *figure) barEnd(d time.Duration) float64 { return max(f.x(d), f.left+minBar) }

// drawTitle writes the verdict as large as it fits.
func (f *figure) drawTitle(cv canvas) {
	st := style{size: 19, bold: true, color: colorInk}
	title := f.s.Verdict()
	for st.size > 12 && f.fonts.width(title, st.size, true)*boldSlack > figureWidth-2*margin {
		st.size -= 0.5
	}
	cv.text(point{margin, 40}, title, st)
}

// drawLegend shows the classes that occur.
func (f *figure) drawLegend(cv canvas) {
	x, y := margin, 62.0
	st := style{size: 12.5, color: colorSoft}
	for c := range numClasses {
		if f.s.count(c) == 0 {
			continue
		}
		l := looks[c]
		if c != classNotStarted && c != classNoEnd { // those have no bar
			cv.polygon(rect(x, y-5, 26, 10), l.fill)
			x += 32
		}
		l.mark(cv, point{x + 6, y}, 5.5, l.ink)
		cv.text(point{x + 16, y + 4.5}, f.s.className(c), st)
		x += 16 + f.fonts.width(f.s.className(c), st.size, false)*fontSlack + 20
	}
}

// drawAxis draws ticks, their light lines and the axis' title.
func (f *figure) drawAxis(cv canvas) {
	st := style{size: 12, anchor: anchorMiddle, color: colorSoft}
	bottom := f.bottom()
	for _, t := range f.axis.ticks {
		x := f.x(t.at)
		cv.stroke([]point{{x, plotTop}, {x, bottom + 4}}, false, 1, 0, colorGrid)
		cv.text(point{x, bottom + 19}, t.label, st)
	}
	cv.text(point{(f.left + f.right) / 2, bottom + 38}, f.axis.title, st)
}

// drawCutoff draws the line that all is about.
func (f *figure) drawCutoff(cv canvas) {
	if f.cutoff == 0 {
		return
	}
	label := "cutoff " + exactDuration(f.cutoff)
	st := style{size: 13, bold: true, color: colorInk}
	y := plotTop - 10
	if f.cutoffFar {
		st.anchor = anchorEnd
		cv.text(point{figureWidth - margin, y}, label+" →", st)
		return
	}
	x := f.x(f.cutoff)
	cv.group(label)
	cv.stroke([]point{{x, plotTop - 4}, {x, f.bottom() + 4}}, false, 1.5, 5, colorInk)
	half := f.fonts.width(label, st.size, true) / 2
	center := min(max(x, margin+half), figureWidth-margin-half)
	st.anchor = anchorMiddle
	cv.text(point{center, y}, label, st)
	cv.end()
}
