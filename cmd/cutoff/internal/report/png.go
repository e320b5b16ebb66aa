package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// pngScale is how many pixels of the PNG one of the SVG gets, for screens with
// a fine grid.
const pngScale = 2

// pngCanvas draws into memory. It writes letters that the Go fonts have
// (Latin, Greek, Cyrillic); for others it draws an empty box.
type pngCanvas struct {
	img   *image.RGBA
	fonts *fonts
	ras   vector.Rasterizer
}

func newPNG(w, h float64) *pngCanvas {
	bounds := image.Rect(0, 0, int(math.Ceil(w*pngScale)), int(math.Ceil(h*pngScale)))
	return &pngCanvas{img: image.NewRGBA(bounds), fonts: newFonts()}
}

// finish returns the file.
func (c *pngCanvas) finish() ([]byte, error) {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&b, c.img); err != nil {
		return nil, fmt.Errorf("encode the picture: %w", err)
	}
	return b.Bytes(), nil
}

func (c *pngCanvas) group(string) {}
func (c *pngCanvas) end()         {}

func (c *pngCanvas) polygon(points []point, fill paint) {
	var src image.Image = image.NewUniform(fill.color)
	if fill.hatched {
		src = stripes{}
	}
	c.fill([][]point{points}, src)
}

// stroke fills the outline of each segment, and a disc where two meet.
func (c *pngCanvas) stroke(points []point, closed bool, width, dash float64, col rgb) {
	if closed {
		points = append(points[:len(points):len(points)], points[0])
	}
	var shapes [][]point
	for i := 1; i < len(points); i++ {
		shapes = append(shapes, segments(points[i-1], points[i], width, dash)...)
	}
	if dash == 0 {
		for _, p := range points {
			shapes = append(shapes, circle(p, width/2))
		}
	}
	c.fill(shapes, image.NewUniform(col))
}

// segments returns the outline of a line, or of each of its dashes.
func segments(a, b point, width, dash float64) [][]point {
	length := math.Hypot(b.x-a.x, b.y-a.y)
	if length == 0 {
		return nil
	}
	ux, uy := (b.x-a.x)/length, (b.y-a.y)/length
	nx, ny := -uy*width/2, ux*width/2
	if dash <= 0 {
		dash = length
	}
	var out [][]point
	for from := 0.0; from < length; from += 2 * dash {
		to := min(from+dash, length)
		p, q := point{a.x + ux*from, a.y + uy*from}, point{a.x + ux*to, a.y + uy*to}
		// In the direction in which circle turns, so that overlaps add up.
		out = append(out, []point{{p.x - nx, p.y - ny}, {q.x - nx, q.y - ny}, {q.x + nx, q.y + ny}, {p.x + nx, p.y + ny}})
	}
	return out
}

// fill draws the union of shapes that turn in one direction.
func (c *pngCanvas) fill(shapes [][]point, src image.Image) {
	box := boundsOf(shapes).Intersect(c.img.Bounds())
	if box.Empty() {
		return
	}
	c.ras.Reset(box.Dx(), box.Dy())
	c.ras.DrawOp = draw.Over
	for _, points := range shapes {
		for i, p := range points {
			x, y := float32(p.x*pngScale)-float32(box.Min.X), float32(p.y*pngScale)-float32(box.Min.Y)
			if i == 0 {
				c.ras.MoveTo(x, y)
			} else {
				c.ras.LineTo(x, y)
			}
		}
		c.ras.ClosePath()
	}
	c.ras.Draw(c.img, box, src, box.Min)
}

// boundsOf returns the pixels that shapes touch.
func boundsOf(shapes [][]point) image.Rectangle {
	lo, hi := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, points := range shapes {
		for _, p := range points {
			lo = point{min(lo.x, p.x), min(lo.y, p.y)}
			hi = point{max(hi.x, p.x), max(hi.y, p.y)}
		}
	}
	if hi.x < lo.x {
		return image.Rectangle{}
	}
	floor := func(x float64) int { return int(math.Floor(x * pngScale)) }
	return image.Rect(floor(lo.x), floor(lo.y), floor(hi.x)+1, floor(hi.y)+1)
}

func (c *pngCanvas) text(p point, s string, st style) {
	d := font.Drawer{Dst: c.img, Src: image.NewUniform(st.color), Face: c.fonts.face(st.size*pngScale, st.bold)}
	x := fixed.Int26_6(p.x * pngScale * 64)
	switch w := d.MeasureString(s); st.anchor {
	case anchorMiddle:
		x -= w / 2
	case anchorEnd:
		x -= w
	case anchorStart:
	}
	d.Dot = fixed.Point26_6{X: x, Y: fixed.Int26_6(p.y * pngScale * 64)}
	d.DrawString(s)
}

// RGBA makes rgb a color.Color.
func (c rgb) RGBA() (r, g, b, a uint32) {
	return color.RGBA{c.r, c.g, c.b, 0xff}.RGBA()
}

// stripes is the hatched paint as an endless image, the same as the pattern of
// the SVG.
type stripes struct{}

func (stripes) ColorModel() color.Model { return color.RGBAModel }
func (stripes) Bounds() image.Rectangle { return image.Rect(-1e9, -1e9, 1e9, 1e9) }
func (stripes) At(x, y int) color.Color {
	across := math.Mod((float64(x)+float64(y)+1)/math.Sqrt2/pngScale, hatchPeriod)
	// A pixel on an edge gets its share of both colors.
	const soft = 0.5 / pngScale
	share := min(across, hatchStripe-across, hatchPeriod)/(2*soft) + 0.5
	if across > (hatchPeriod+hatchStripe)/2 {
		share = (across-hatchPeriod)/(2*soft) + 0.5
	}
	share = min(max(share, 0), 1)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(share*float64(a) + (1-share)*float64(b))) }
	return color.RGBA{mix(colorCutOff.r, hatchGround.r), mix(colorCutOff.g, hatchGround.g), mix(colorCutOff.b, hatchGround.b), 0xff}
}
