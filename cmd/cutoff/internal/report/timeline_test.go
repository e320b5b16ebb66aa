package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

// TestGolden compares every sample's SVG with its golden file. Look at what
// -pictures writes before you write new ones with -update.
func TestGolden(t *testing.T) {
	for name, build := range samples {
		t.Run(name, func(t *testing.T) {
			sum := build(t).summary()
			svg := render(t, sum, SVG)
			if *pictures != "" {
				check(t, os.WriteFile(filepath.Join(*pictures, name+".svg"), svg, 0o644))
				check(t, os.WriteFile(filepath.Join(*pictures, name+".png"), render(t, sum, PNG), 0o644))
			}
			golden := filepath.Join("testdata", name+".svg")
			if *update {
				check(t, os.WriteFile(golden, svg, 0o644))
			}
			want, err := os.ReadFile(golden)
			check(t, err)
			if string(svg) != string(want) {
				t.Errorf("differs from %s", golden)
			}
		})
	}
}

// elements returns how often each element occurs in an SVG, and its texts.
// A file that is not well-formed fails the test.
func elements(t *testing.T, svg []byte) (counts map[string]int, texts []string) {
	t.Helper()
	counts = map[string]int{}
	dec := xml.NewDecoder(bytes.NewReader(svg))
	inText := false
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return counts, texts
		}
		check(t, err)
		switch tok := tok.(type) {
		case xml.StartElement:
			counts[tok.Name.Local]++
			inText = tok.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				texts = append(texts, string(tok))
			}
		}
	}
}

// Whatever a task is called, the file is an SVG of ours and no more.
func TestHostileNames(t *testing.T) {
	counts, texts := elements(t, render(t, sampleHostile(t).summary(), SVG))
	allowed := []string{"svg", "title", "desc", "defs", "pattern", "rect", "path", "g", "text"}
	for _, name := range allowed {
		delete(counts, name)
	}
	if len(counts) != 0 {
		t.Errorf("elements that we do not write: %v", counts)
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{`<script>alert("1")</script>`, `\x00\x01\ufffe\uffff`, `\u202egpj.exe`, `\x1b[31m`, "שלום עולם", `\u200b`, "…"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q among the texts", want)
		}
	}
	for _, r := range all {
		if r < ' ' && r != '\n' || r == '\u202e' || r == '\u2066' {
			t.Errorf("the character %q came through", r)
		}
	}
}

// Same journal, same bytes; and a figure of many tasks is as large as any.
func TestDeterministicAndBounded(t *testing.T) {
	for _, f := range []Format{SVG, PNG} {
		if a, b := render(t, sampleOutcomes(t).summary(), f), render(t, sampleOutcomes(t).summary(), f); !bytes.Equal(a, b) {
			t.Errorf("%s: two figures of one journal differ", f)
		}
	}
	big := sampleRandom(t, 2_000).summary()
	svg := render(t, big, SVG)
	counts, texts := elements(t, svg)
	n := 0
	for _, c := range counts {
		n += c
	}
	if n > 100 || len(svg) > 64<<10 {
		t.Errorf("%d elements, %d bytes for 2,000 tasks", n, len(svg))
	}
	all := strings.Join(texts, "\n")
	if !strings.Contains(all, "2,000 tasks") || !strings.Contains(all, "All tasks are shown") {
		t.Errorf("the figure does not say what it shows: %q", all)
	}
}

func TestPNG(t *testing.T) {
	sum := sampleMixed(t).summary()
	img, err := png.Decode(bytes.NewReader(render(t, sum, PNG)))
	check(t, err)
	fig := newFigure(sum)
	if got, want := img.Bounds().Size(), image.Pt(pngScale*figureWidth, int(pngScale*fig.height)); got != want {
		t.Fatalf("size %v, want %v", got, want)
	}
	colorAt := func(x, y float64) rgb {
		r, g, b, _ := img.At(int(x*pngScale), int(y*pngScale)).RGBA()
		return rgb{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}
	}
	row := func(i int) float64 { return plotTop + 28*(float64(i)+0.5) }
	if c := colorAt(fig.x(time.Second), row(0)); c != colorOK {
		t.Errorf("the bar of a finished task is %v", c)
	}
	if c := colorAt(fig.x(4500*time.Millisecond), row(0)-5); c != colorBack {
		t.Errorf("behind the bar of a finished task is %v", c)
	}
	stripes := map[rgb]int{}
	for dx := range 20 {
		stripes[colorAt(fig.x(time.Second)+float64(dx)/pngScale, row(1))]++
	}
	if stripes[colorCutOff] == 0 || stripes[hatchGround] == 0 {
		t.Errorf("the bar of a cut off task is not hatched: %v", stripes)
	}
	ink := 0
	for y := plotTop - 4; y < fig.bottom(); y += 0.5 {
		if colorAt(fig.x(fig.cutoff), y) == colorInk {
			ink++
		}
	}
	if all := int((fig.bottom() - plotTop) / 0.5); ink < all/3 || ink > all*2/3 {
		t.Errorf("%d of %d pixels of the cutoff's line are drawn: it is not dashed", ink, all)
	}
}

// Every text stays inside the picture, by the built-in fonts.
func TestNothingLeavesThePicture(t *testing.T) {
	for name, build := range samples {
		fig := newFigure(build(t).summary())
		fig.draw(boundsChecker{t: t, name: name, fig: fig})
	}
}

// boundsChecker is a canvas that looks at where things are.
type boundsChecker struct {
	t    *testing.T
	name string
	fig  *figure
}

func (b boundsChecker) points(ps []point, width float64) {
	for _, p := range ps {
		if p.x < -width || p.x > figureWidth+width || p.y < -width || p.y > b.fig.height+width {
			b.t.Errorf("%s: a shape leaves the picture at %v", b.name, p)
		}
	}
}
func (b boundsChecker) polygon(ps []point, _ paint) { b.points(ps, 8) } // the ground of a text may
func (b boundsChecker) stroke(ps []point, _ bool, width, _ float64, _ rgb) {
	b.points(ps, width)
}
func (b boundsChecker) text(p point, s string, st style) {
	w := b.fig.fonts.width(s, st.size, st.bold)
	left := p.x - w*map[anchor]float64{anchorStart: 0, anchorMiddle: 0.5, anchorEnd: 1}[st.anchor]
	if left < 0 || left+w > figureWidth || p.y > b.fig.height {
		b.t.Errorf("%s: %q leaves the picture: from %.0f to %.0f at height %.0f", b.name, s, left, left+w, p.y)
	}
}
func (boundsChecker) group(string) {}
func (boundsChecker) end()         {}

func TestNoTasks(t *testing.T) {
	sum := newSample(t, time.Second).summary()
	if err := sum.Timeline(io.Discard, SVG); !errors.Is(err, ErrNoTasks) {
		t.Errorf("error %v", err)
	}
}

// A batch of which no task has started, or of which all take no time, has a
// figure too.
func TestDegenerate(t *testing.T) {
	for _, cut := range []time.Duration{0, 1, time.Second} {
		for _, n := range []int{1, 100} {
			s := newSample(t, cut)
			for i := range n {
				s.run(s.task(fmt.Sprint(i)), cutoff.Result{Outcome: cutoff.NotStarted}, false)
			}
			elements(t, render(t, s.summary(), SVG))
			for i := range n {
				s.add(fmt.Sprint(i), cutoff.OK, 0)
			}
			elements(t, render(t, s.summary(), SVG))
		}
	}
}
