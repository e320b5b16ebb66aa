// Package report turns a journal into what people look at.
//
// [Collect] reads a journal once, in memory that does not grow with the number
// of tasks, and keeps a [Summary]. [Summary.Timeline] draws it: bars from each
// task's own start to its end, and the cutoff as a dashed line. A figure is
// laid out and drawn by one code (figure.go, rows.go, profile.go) on a canvas,
// of which there are two: svg.go and png.go.
package report
