// Package report turns a journal into what people look at and what other
// programs read. [Write] writes any of the formats; docs/REPORT.md describes
// them.
//
// A journal is read as records (scan), as attempts (read.go: a start with its
// end) or as a [Summary] (collect.go: counts and histograms), in memory that
// does not grow with the number of tasks. What is made to be read needs more
// than counts: detail.go has samples, the slowest, groups and lanes.
//
// The figure ([Summary.Timeline]) is laid out and drawn by one code (figure.go,
// rows.go, profile.go) on a canvas, of which there are two: svg.go and png.go.
// The page is page/page.html with what the html_*.go files put into it. The
// other formats have a file each.
package report
