package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// svgCanvas writes an SVG file. Its text is text, so that it can be searched,
// copied and read aloud; it needs no fonts and no scripts.
type svgCanvas struct{ b bytes.Buffer }

// newSVG begins a picture with a name and a description for those who do not
// see it.
func newSVG(w, h float64, title, desc string) *svgCanvas {
	c := &svgCanvas{}
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" aria-labelledby="cutoff-title cutoff-desc" font-family="Go, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif">`+"\n",
		num(w), num(h), num(w), num(h))
	c.printf("<title id=\"cutoff-title\">%s</title>\n<desc id=\"cutoff-desc\">%s</desc>\n", escape(title), escape(desc))
	c.printf(`<defs><pattern id="cutoff-hatch" patternUnits="userSpaceOnUse" width="%s" height="%s" patternTransform="rotate(45)">`, num(hatchPeriod), num(hatchPeriod))
	c.printf(`<rect width="%s" height="%s" fill="%s"/><rect width="%s" height="%s" fill="%s"/></pattern></defs>`+"\n",
		num(hatchPeriod), num(hatchPeriod), hex(hatchGround), num(hatchStripe), num(hatchPeriod), hex(colorCutOff))
	return c
}

// finish ends the picture and returns the file.
func (c *svgCanvas) finish() []byte {
	c.printf("</svg>\n")
	return c.b.Bytes()
}

func (c *svgCanvas) printf(format string, args ...any) { fmt.Fprintf(&c.b, format, args...) }

func (c *svgCanvas) polygon(points []point, fill paint) {
	color := hex(fill.color)
	if fill.hatched {
		color = "url(#cutoff-hatch)"
	}
	if p := points; len(p) == 4 && p[0].y == p[1].y && p[1].x == p[2].x && p[2].y == p[3].y && p[3].x == p[0].x {
		c.printf("<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\"/>\n",
			num(p[0].x), num(p[0].y), num(p[2].x-p[0].x), num(p[2].y-p[0].y), color)
		return
	}
	c.printf("<path d=\"%sz\" fill=\"%s\"/>\n", pathData(points), color)
}

func (c *svgCanvas) stroke(points []point, closed bool, width, dash float64, col rgb) {
	c.printf(`<path d="%s`, pathData(points))
	if closed {
		c.printf("z")
	}
	c.printf(`" fill="none" stroke="%s" stroke-width="%s"`, hex(col), num(width))
	if dash > 0 {
		c.printf(` stroke-dasharray="%s %s"`, num(dash), num(dash))
	} else {
		c.printf(` stroke-linecap="round" stroke-linejoin="round"`)
	}
	c.printf("/>\n")
}

func (c *svgCanvas) text(p point, s string, st style) {
	c.printf(`<text x="%s" y="%s" font-size="%s" fill="%s"`, num(p.x), num(p.y), num(st.size), hex(st.color))
	if st.bold {
		c.printf(` font-weight="bold"`)
	}
	if st.anchor != anchorStart {
		c.printf(` text-anchor="%s"`, [...]string{anchorMiddle: "middle", anchorEnd: "end"}[st.anchor])
	}
	c.printf(">%s</text>\n", escape(s))
}

func (c *svgCanvas) group(name string) { c.printf("<g><title>%s</title>\n", escape(name)) }
func (c *svgCanvas) end()              { c.printf("</g>\n") }

func pathData(points []point) string {
	var b strings.Builder
	for i, p := range points {
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(num(p.x) + " " + num(p.y))
	}
	return b.String()
}

// num writes a length with two digits behind the point, as few as it needs.
func num(x float64) string {
	return strconv.FormatFloat(math.Round(x*100)/100+0, 'f', -1, 64)
}

func hex(c rgb) string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// escape makes s the text of an element or attribute. Writing to memory does
// not fail.
func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
