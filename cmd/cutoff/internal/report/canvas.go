package report

import (
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
)

// A canvas is what a figure is drawn on. Lengths are in pixels of the SVG; y
// points down. Shapes that are drawn later cover earlier ones.
type canvas interface {
	// polygon fills a closed shape.
	polygon(points []point, fill paint)
	// stroke draws a line through points with round ends, width wide; closed
	// joins the last with the first. dash, if above zero, is the length of
	// dashes and gaps.
	stroke(points []point, closed bool, width, dash float64, c rgb)
	// text writes s with its baseline at p.
	text(p point, s string, st style)
	// group begins a part of the figure that has a name; end ends it.
	group(name string)
	end()
}

type point struct{ x, y float64 }

type rgb struct{ r, g, b uint8 }

// paint fills a shape: with one color, or with stripes of two.
type paint struct {
	color   rgb
	hatched bool // stripes of color on hatchGround
}

// anchor says which part of a text stands at its point.
type anchor int

const (
	anchorStart anchor = iota
	anchorMiddle
	anchorEnd
)

// style of a text.
type style struct {
	size   float64
	bold   bool
	anchor anchor
	color  rgb
}

// The colors. Hues go with the outcomes; orange and red keep their distance in
// lightness for those who see no hues, and no color stands without a mark.
var (
	colorBack   = rgb{0xff, 0xff, 0xff}
	colorInk    = rgb{0x1f, 0x24, 0x28}
	colorSoft   = rgb{0x5c, 0x64, 0x6b}
	colorGrid   = rgb{0xe9, 0xeb, 0xed}
	colorOK     = rgb{0x3f, 0xa7, 0x6b}
	colorCutOff = rgb{0xe8, 0x7a, 0x0c}
	hatchGround = rgb{0xfc, 0xd9, 0xb0}
	colorFailed = rgb{0xc2, 0x2f, 0x2f}
	colorGrey   = rgb{0xad, 0xb3, 0xb9}
)

// Stripes of a hatched paint, in pixels across them.
const (
	hatchPeriod = 6.0
	hatchStripe = 3.0
)

// look is how a class looks.
type look struct {
	name string
	fill paint
	ink  rgb // of the mark
	mark func(cv canvas, center point, r float64, c rgb)
}

var looks = [numClasses]look{
	classOK:         {"ok", paint{color: colorOK}, colorOK, markCheck},
	classFailed:     {"failed", paint{color: colorFailed}, colorFailed, markCross},
	classCanceled:   {"canceled", paint{color: colorGrey}, colorSoft, markBar},
	classCutOff:     {"cut off", paint{color: colorCutOff, hatched: true}, colorCutOff, markScissors},
	classNotStarted: {"not started", paint{color: colorGrey}, colorSoft, markRing},
	classNoEnd:      {"without an end", paint{color: colorGrey}, colorSoft, markDots},
}

// fonts measure text; both canvases lay out by them, and the PNG draws with
// them. A fonts is for one goroutine.
type fonts struct {
	faces map[faceKey]font.Face
	buf   sfnt.Buffer
}

type faceKey struct {
	size float64
	bold bool
}

// parsedFonts are the Go fonts, regular and bold.
var parsedFonts = sync.OnceValue(func() [2]*sfnt.Font {
	var out [2]*sfnt.Font
	for i, ttf := range [][]byte{goregular.TTF, gobold.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic("report: the built-in font is broken: " + err.Error())
		}
		out[i] = f
	}
	return out
})

func fontOf(bold bool) *sfnt.Font {
	if bold {
		return parsedFonts()[1]
	}
	return parsedFonts()[0]
}

func newFonts() *fonts { return &fonts{faces: map[faceKey]font.Face{}} }

// face returns a face of size pixels.
func (f *fonts) face(size float64, bold bool) font.Face {
	key := faceKey{size, bold}
	if f.faces[key] == nil {
		face, err := opentype.NewFace(fontOf(bold), &opentype.FaceOptions{Size: size, DPI: 72})
		if err != nil {
			panic("report: the built-in font is broken: " + err.Error())
		}
		f.faces[key] = face
	}
	return f.faces[key]
}

// width estimates how wide s is. A letter that the built-in font lacks comes
// from another font in an SVG, and counts as a square.
func (f *fonts) width(s string, size float64, bold bool) float64 {
	w := 0.0
	for _, r := range s {
		if i, err := fontOf(bold).GlyphIndex(&f.buf, r); err != nil || i == 0 {
			w += size
			continue
		}
		adv, _ := f.face(size, bold).GlyphAdvance(r)
		w += float64(adv) / 64
	}
	return w
}
