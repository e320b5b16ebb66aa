package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// figure is one of the things that a round of a group yields.
type figure struct {
	name string
	unit unit
}

// of names the rows of the figure.
func (f figure) of(g group) string {
	if f.name == "" {
		return g.name
	}
	return g.name + ": " + f.name
}

// unit is what a row counts in.
type unit string

const (
	seconds unit = "s"
	kib     unit = "KiB"
	mib     unit = "MiB"
	count   unit = "1"
)

// show prints a value with three digits.
func (u unit) show(v float64) string {
	switch {
	case u == seconds:
		d := time.Duration(v * float64(time.Second))
		unit := time.Nanosecond
		for d/unit >= 1000 {
			unit *= 10
		}
		return d.Round(unit).String()
	case u == count:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, u)
	}
	return fmt.Sprintf("%.3g %s", v, u)
}

func median(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// p99 is the value that one in a hundred exceeds.
func p99(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[int(math.Ceil(0.99*float64(len(s))))-1]
}

// lateness are the figures of many deadlines.
var lateness = []figure{{"median", seconds}, {"p99", seconds}}

func latenessOf(late []float64) []float64 { return []float64{median(late), p99(late)} }
