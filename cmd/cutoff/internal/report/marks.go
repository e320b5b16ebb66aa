package report

import "math"

// The marks are drawn and not written, so that they look alike everywhere:
// few fonts have scissors. Each fits a circle of radius r around its center.

func markCheck(cv canvas, p point, r float64, c rgb) {
	cv.stroke([]point{{p.x - 0.8*r, p.y + 0.05*r}, {p.x - 0.2*r, p.y + 0.7*r}, {p.x + 0.85*r, p.y - 0.7*r}}, false, 0.36*r, 0, c)
}

func markCross(cv canvas, p point, r float64, c rgb) {
	d := 0.65 * r
	cv.stroke([]point{{p.x - d, p.y - d}, {p.x + d, p.y + d}}, false, 0.36*r, 0, c)
	cv.stroke([]point{{p.x - d, p.y + d}, {p.x + d, p.y - d}}, false, 0.36*r, 0, c)
}

// markScissors is a pair of scissors that opens to the right.
func markScissors(cv canvas, p point, r float64, c rgb) {
	for _, up := range []float64{1, -1} {
		ring := point{p.x - 0.66*r, p.y + up*0.55*r}
		cv.stroke(circle(ring, 0.34*r), true, 0.24*r, 0, c)
		cv.stroke([]point{{ring.x + 0.3*r, ring.y - up*0.2*r}, {p.x + r, p.y - up*0.62*r}}, false, 0.28*r, 0, c)
	}
}

func markBar(cv canvas, p point, r float64, c rgb) {
	cv.stroke(circle(p, 0.75*r), true, 0.26*r, 0, c)
	cv.stroke([]point{{p.x - 0.4*r, p.y + 0.4*r}, {p.x + 0.4*r, p.y - 0.4*r}}, false, 0.26*r, 0, c)
}

func markRing(cv canvas, p point, r float64, c rgb) {
	cv.stroke(circle(p, 0.7*r), true, 0.26*r, 0, c)
}

func markDots(cv canvas, p point, r float64, c rgb) {
	for _, dx := range []float64{-0.75, 0, 0.75} {
		cv.polygon(circle(point{p.x + dx*r, p.y}, 0.2*r), paint{color: c})
	}
}

// circle returns a circle as a polygon.
func circle(p point, r float64) []point {
	const n = 20
	out := make([]point, n)
	for i := range out {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / n)
		out[i] = point{p.x + r*cos, p.y + r*sin}
	}
	return out
}

// rect returns a rectangle as a polygon.
func rect(x, y, w, h float64) []point {
	return []point{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}}
}
