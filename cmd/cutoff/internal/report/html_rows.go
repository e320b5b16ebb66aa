package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"time"
)

// rowsView is the timeline of few tasks: a row for each, whose bars stand from
// the task's own start or by the wall clock.
type rowsView struct {
	Cutoff    string  // its label
	Line      float64 // its place, in percent; 0 means that it is not drawn
	Own, Wall axisView
	List      []rowView
}

type axisView struct {
	View, Title string
	Ticks       []tickView
}

// tickView is a label at a place along an axis, in percent.
type tickView struct {
	At    float64
	Label string
}

type rowView struct {
	Name, End, Mark, Class string
	Link                   template.URL
	Limit                  float64 // of its own cutoff, in percent; 0 if it has none to show
	Bars                   []barView
}

type barView struct {
	Class, Title     string
	Begin, Wall, Own float64 // in percent
	Earlier          bool    // another attempt followed
}

func newRowsView(d *detail) *rowsView {
	byTask := map[taskKey][]*kept{}
	for c := range d.sample {
		for _, k := range d.sample[c].items {
			byTask[k.key] = append(byTask[k.key], k)
		}
	}
	longest := time.Duration(1)
	for _, r := range d.order {
		longest = max(longest, r.wall)
		if r.limitShown() {
			longest = max(longest, r.limit)
		}
	}
	v := &rowsView{}
	cut := d.Header.Limits.Timeout
	switch {
	case cut > 2*longest:
		v.Cutoff = "The cutoff of " + exactDuration(cut) + " is far beyond the longest task"
	case cut > 0:
		longest = max(longest, cut)
		v.Cutoff = "cutoff " + exactDuration(cut)
		v.Line = percentOf(cut, longest)
	}
	all := max(d.lanes.end, 1)
	v.Own, v.Wall = newAxisView("own", longest, ""), newAxisView("wall", all, "since the batch began")
	for _, r := range d.order {
		attempts := byTask[r.key]
		slices.SortStableFunc(attempts, func(a, b *kept) int { return int(a.begin - b.begin) })
		v.List = append(v.List, newRowView(r, attempts, longest, all))
	}
	return v
}

func newRowView(r row, attempts []*kept, longest, all time.Duration) rowView {
	v := rowView{Name: clean(r.name), End: r.endText(), Mark: classMarks[r.class], Class: cssClass[r.class]}
	for i, k := range attempts {
		if i == len(attempts)-1 {
			v.Link = taskLink(k)
		}
		if k.class == classNotStarted {
			continue
		}
		wall := k.wall
		if k.class == classNoEnd {
			wall = all - k.begin // it ran on, as far as the journal goes
		}
		v.Bars = append(v.Bars, barView{
			Class: chipOf(k.outcome).Class, Title: fmt.Sprintf("%s: %s after %s, attempt %d", clean(r.name), chipOf(k.outcome).Name, shortDuration(wall), k.attempt),
			Begin: percentOf(k.begin, all), Wall: percentOf(wall, all), Own: min(percentOf(wall, longest), 100), Earlier: i < len(attempts)-1,
		})
	}
	if r.limitShown() {
		v.Limit = percentOf(r.limit, longest)
	}
	return v
}

// percentOf returns d in percent of all, with as many digits as a screen needs.
func percentOf(d, all time.Duration) float64 {
	return math.Round(10000*100*float64(d)/float64(max(all, 1))) / 10000
}

// newAxisView makes an axis from zero to end. Without a title it is that of a
// task's own time.
func newAxisView(view string, end time.Duration, title string) axisView {
	a := newAxis(end)
	v := axisView{View: view, Title: a.title}
	if title != "" {
		v.Title = a.unitTitle + " " + title
	}
	for _, t := range a.ticks {
		v.Ticks = append(v.Ticks, tickView{percentOf(t.at, end), t.label})
	}
	return v
}
