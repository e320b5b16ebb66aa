package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// lanesView is the timeline of many tasks: a lane for each slot (or for some
// slots together), and below it, on the same axis, how many tasks ran and how
// many waited. Its size depends on neither tasks nor time.
type lanesView struct {
	About                     string
	Flat                      bool // colors without stripes
	Labels                    []string
	Picture, Running, Waiting template.HTML
	MaxRunning, MaxWaiting    string
	Ticks                     []tickView
	Axis                      string
}

// The pictures are drawn on these grids and stretched.
const (
	gridX    = 10000 // the whole time
	gridLane = 100   // height of a lane
	laneGap  = 16
	// maxCells bounds lanes times bins.
	maxCells = 4096
	// exactAttempts is up to how many each attempt has its own place.
	exactAttempts = 2000
)

func newLanesView(d *detail) *lanesView {
	l := d.lanes
	v := &lanesView{}
	a := newAxisView("", max(l.end, 1), "since the batch began")
	v.Ticks, v.Axis = a.Ticks, a.Title
	v.Labels = l.labels()
	exact := d.attempts <= exactAttempts && l.slots == 1 && d.whole()
	var body string
	if exact {
		v.About = "A lane for each slot, each attempt where it ran."
		body = d.exactLanes()
	} else {
		what := "each slot"
		if l.slots > 1 {
			what = fmt.Sprintf("%d slots", l.slots)
		}
		v.About = fmt.Sprintf("A lane for %s. A column is as high as the share of its time in which the lane was busy, by outcome; all attempts count.", what)
		v.Flat, body = true, l.density()
	}
	if n := len(d.resumed); n > 0 {
		v.About += " Dotted lines: where a later run went on; the time between runs is left out."
		body += d.resumedLines(len(l.busy))
	}
	height := len(l.busy)*(gridLane+laneGap) - laneGap
	v.Picture = picture(fmt.Sprintf("lanes%s", map[bool]string{false: " flat"}[exact]), gridX, max(height, 1), laneHeight(len(l.busy)),
		"What each slot did over time; the outcomes are counted above", body)
	running, waiting := l.running(), l.waiting(d.Tasks())
	v.MaxRunning, v.MaxWaiting = thousands(int64(math.Round(top(running)))), thousands(int64(top(waiting)))
	v.Running = l.strip(running, "Tasks that ran at a time: at most "+v.MaxRunning)
	v.Waiting = l.strip(waiting, "Tasks that waited: at most "+v.MaxWaiting)
	return v
}

// whole says that the sample has every attempt.
func (d *detail) whole() bool {
	n := 0
	for c := range d.sample {
		n += len(d.sample[c].items)
	}
	return int64(n) == d.attempts
}

func laneHeight(lanes int) int { return max(min(26*lanes, 420), 40) }

// labels names at most 16 of the lanes.
func (l *lanes) labels() []string {
	out := make([]string, len(l.busy))
	for i := range out {
		switch first, last := i*l.slots+1, min((i+1)*l.slots, l.maxSlot); {
		case len(out) > 16 && i%2 == 1:
		case first >= last:
			out[i] = fmt.Sprintf("slot %d", first)
		default:
			out[i] = fmt.Sprintf("%d–%d", first, last)
		}
	}
	return out
}

// picture is an SVG that is stretched to its place. The body is ours.
func picture(class string, w, h, pixels int, label, body string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %d %d" preserveAspectRatio="none" style="height:%dpx" role="img" aria-label="%s">`, class, w, h, pixels, template.HTMLEscapeString(label))
	b.WriteString(body)
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// exactLanes draws one path for each class.
func (d *detail) exactLanes() string {
	var b strings.Builder
	for c := range numClasses {
		var path strings.Builder
		for _, k := range d.sample[c].items {
			if c == classNotStarted {
				continue
			}
			wall := k.wall
			if c == classNoEnd {
				wall = d.lanes.end - k.begin
			}
			x, w := d.lanes.x(k.begin), max(d.lanes.x(wall), 6)
			fmt.Fprintf(&path, "M%d %dh%dv%dh-%dz", x, (max(k.slot, 1)-1)*(gridLane+laneGap), w, gridLane, w)
		}
		if path.Len() > 0 {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, cssClass[c], path.String())
		}
	}
	return hatchPattern + b.String()
}

// hatchPattern is the paint of what was cut off. In a stretched picture its
// stripes stand upright.
const hatchPattern = `<defs><pattern id="hatch" patternUnits="userSpaceOnUse" width="60" height="100"><rect class="h1" width="60" height="100"/><rect class="h2" width="30" height="100"/></pattern></defs>`

// x returns the place of a time.
func (l *lanes) x(d time.Duration) int {
	return int(math.Round(gridX * float64(d) / float64(max(l.end, 1))))
}

// density draws columns that are as high as their lane was busy, and as many
// colors as it had outcomes.
func (l *lanes) density() string {
	bins := l.used()
	per := 1 // bins of a column
	for len(l.busy)*bins/per > maxCells {
		per *= 2
	}
	var paths [numClasses]strings.Builder
	for i, lane := range l.busy {
		bottom := i*(gridLane+laneGap) + gridLane
		for from := 0; from < bins; from += per {
			to := min(from+per, bins)
			l.column(&paths, lane[from:to], from, to, bottom)
		}
	}
	var b strings.Builder
	for c := range paths {
		if paths[c].Len() > 0 {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, cssClass[c], paths[c].String())
		}
	}
	return b.String()
}

// column stacks the classes of some bins.
func (l *lanes) column(paths *[numClasses]strings.Builder, bins []laneBin, from, to, bottom int) {
	begin, end := time.Duration(from)*l.bin, min(time.Duration(to)*l.bin, l.end)
	room := float64(max(end-begin, 1)) * float64(l.slots)
	x, w := l.x(begin), max(l.x(end)-l.x(begin), 1)
	used := 0.0
	for c := range numClasses {
		var busy time.Duration
		for i := range bins {
			busy += bins[i][c]
		}
		if busy == 0 {
			continue
		}
		low := min(used, 1)
		used += float64(busy) / room
		y, h := int(math.Round(gridLane*low)), int(math.Round(gridLane*min(used, 1)))-int(math.Round(gridLane*low))
		if h = max(h, 1); y+h > gridLane {
			continue
		}
		fmt.Fprintf(&paths[c], "M%d %dh%dv-%dh-%dz", x, bottom-y, w, h, w)
	}
}

func (d *detail) resumedLines(lanes int) string {
	var b strings.Builder
	for _, at := range d.resumed {
		fmt.Fprintf(&b, `<path class="resumed" d="M%d 0v%d"/>`, d.lanes.x(at), lanes*(gridLane+laneGap))
	}
	return b.String()
}

// strip draws a count over time as a filled line of steps.
func (l *lanes) strip(values []float64, label string) template.HTML {
	const height = 200
	most := max(top(values), 1)
	var path strings.Builder
	fmt.Fprintf(&path, "M0 %d", height)
	last := -1
	for i, value := range values {
		y := height - int(math.Round(height*value/most))
		if y != last {
			fmt.Fprintf(&path, "H%dV%d", l.x(time.Duration(i)*l.bin), y)
			last = y
		}
	}
	fmt.Fprintf(&path, "H%dV%dz", gridX, height)
	return picture("strip", gridX, height, 44, label, `<path class="count" d="`+path.String()+`"/>`)
}

func top(values []float64) float64 {
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	return most
}
