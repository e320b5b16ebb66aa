package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// pageFileOf writes the page of a journal and returns its path.
func pageFileOf(t *testing.T, name string, journal []byte) string {
	t.Helper()
	var b bytes.Buffer
	_, err := Write(&b, HTML, bytes.NewReader(journal))
	check(t, err)
	path := filepath.Join(t.TempDir(), name+".html")
	check(t, os.WriteFile(path, b.Bytes(), 0o644))
	return path
}

// TestBrowser opens the page in a real browser: the figure is drawn, search,
// filter, order and links work, nothing is asked of anybody and nothing is
// complained about.
func TestBrowser(t *testing.T) {
	b := startBrowser(t)
	t.Run("outcomes", func(t *testing.T) { browseSmall(t, b) })
	t.Run("hostile", func(t *testing.T) { browseHostile(t, b) })
	t.Run("large", func(t *testing.T) { browseLarge(t, b) })
}

const (
	listed   = `document.querySelectorAll("#list tbody tr[data-id]").length`
	typeInto = `((text) => { const q = document.getElementById("q"); q.value = text; q.dispatchEvent(new Event("input")); })`
	choose   = `((value) => document.querySelector("#outcomes input[value='" + value + "']").click())`
)

func browseSmall(t *testing.T, b *browser) {
	file := pageFileOf(t, "outcomes", sampleOutcomes(t).bytes())
	p := b.open(t, file, 1200, 900)

	// The figure: each of nine tasks that ran has a bar where its time is.
	bars := `[...document.querySelectorAll("#timeline .bar")].filter((e) => e.getBoundingClientRect().width >= 1)`
	p.want(bars+".length", 9)
	p.want(`document.querySelectorAll("#timeline .row").length`, 10)
	longest := `Math.round(Math.max(...` + bars + `.map((e) => e.getBoundingClientRect().right)) - document.querySelector(".cutline").getBoundingClientRect().left)`
	if off, _ := p.eval(longest).(float64); off < -2 || off > 2 {
		t.Errorf("the bar that was cut off ends %v pixels from the line of its cutoff", off)
	}
	p.want(`getComputedStyle(document.querySelector("#timeline .bar.cutoff")).backgroundImage.includes("repeating-linear-gradient")`, true)

	// By wall clock the earlier attempt is there too, and bars have moved.
	before := p.eval(`document.querySelectorAll("#timeline .row .bar")[3].getBoundingClientRect().left`)
	p.eval(`document.getElementById("view-wall").click(); Promise.all(document.getAnimations().map((a) => a.finished)).then(() => 0)`)
	p.want(bars+".length", 10)
	if after := p.eval(`document.querySelectorAll("#timeline .row .bar")[3].getBoundingClientRect().left`); fmt.Sprint(before) == fmt.Sprint(after) {
		t.Error("the wall clock's bars stand where those of the task's own time stood")
	}
	p.want(`getComputedStyle(document.querySelector(".cutline")).display`, "none")
	p.want(`document.querySelector("#quantiles .curve").getTotalLength() > 100`, true)

	// The list: all attempts, then what is searched, then what is filtered.
	p.want(listed, 11)
	p.eval(typeInto + `("SECOND")`)
	p.want(listed, 2)
	p.want(`location.hash`, "#q=SECOND")
	p.eval(typeInto + `("")`)
	p.eval(choose + `("timeout")`)
	p.eval(choose + `("crashed")`)
	p.want(listed, 3)
	p.want(`document.getElementById("count").value`, "3 of 11 rows match")
	p.eval(`document.querySelector("#filter [type=reset]").click()`)
	p.want(listed, 11)

	// The order: by wall time, the longest first.
	p.eval(`[...document.querySelectorAll("#list th button")].find((b) => b.textContent === "wall time").click()`)
	p.want(`document.querySelector("#list tbody .open").textContent`, "too slow")
	p.want(`document.querySelector("#list th[aria-sort]").textContent + document.querySelector("#list th[aria-sort]").ariaSort`, "wall timedescending")

	// A link to a task opens it and shows how to run it again; a group's link
	// shows its tasks.
	p.eval(`document.querySelector("#slowest a").click(); new Promise((done) => addEventListener("hashchange", () => setTimeout(done), {once: true}))`)
	p.want(`document.querySelector("#list tr.target .open").textContent + "|" + document.querySelector("#list .more code").textContent`, "too slow|solve 'too slow'")
	p.eval(`document.querySelector("#failures a").click(); new Promise((done) => addEventListener("hashchange", () => setTimeout(done), {once: true}))`)
	p.want(listed, 1)

	// The theme.
	p.want(`getComputedStyle(document.body).backgroundColor`, "rgb(255, 255, 255)")
	p.eval(`document.getElementById("theme").click()`)
	p.want(`getComputedStyle(document.body).backgroundColor`, "rgb(20, 24, 27)")
	p.quiet(file)

	// A link from outside: the task is there, open, and in sight.
	linked := b.open(t, file+"#task=1.3.1", 1200, 900)
	linked.want(`document.querySelector("#list tr.target .open").textContent`, "too slow")
	linked.want(`(({top, bottom}) => top >= 0 && bottom <= innerHeight)(document.querySelector("#list tr.target").getBoundingClientRect())`, true)
	linked.quiet(file)
}

// Whatever stands in the journal stays text.
func browseHostile(t *testing.T, b *browser) {
	file := pageFileOf(t, "hostile", sampleHostile(t).bytes())
	p := b.open(t, file, 500, 900)
	p.want(`document.scripts.length`, 2)
	p.want(`document.querySelectorAll("#list .open")[0].textContent`, `<script>alert("1")</script>`)
	p.want(`document.querySelectorAll("#timeline .label")[0].textContent`, `<script>alert("1")</script>`)
	p.want(`document.documentElement.scrollWidth <= innerWidth`, true) // nothing pushes a narrow page wide
	p.quiet(file)
}

// A large batch has a page that is as light as that of a small one.
func browseLarge(t *testing.T, b *browser) {
	var journal bytes.Buffer
	check(t, writeLarge(&journal, 6_000))
	file := pageFileOf(t, "large", journal.Bytes())
	p := b.open(t, file, 1200, 900)
	if n, _ := p.eval(`document.querySelectorAll("*").length`).(float64); n > 5000 {
		t.Errorf("%v elements", n)
	}
	for _, picture := range []string{".lanes", ".strip", ".quant"} {
		p.want(`[...document.querySelectorAll("svg`+picture+` path")].every((e) => e.getBBox().width > 0)`, true)
	}
	p.want(`document.querySelector("svg.lanes path.ok").getBBox().width > 9000`, true)
	p.want(`document.querySelector("#attempts .sub").textContent.includes("of 6,000 rows")`, true)
	p.want(listed, 100)
	p.eval(typeInto + `("uf1 sigsegv")`)
	p.want(`[...document.querySelectorAll("#list tbody tr[data-id]")].every((r) => /uf1/.test(r.textContent) && /SIGSEGV/.test(r.textContent))`, true)
	p.quiet(file)
	paint := p.eval(`new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime)).observe({type: "paint", buffered: true}))`)
	t.Logf("first paint after %.0f ms", paint)
}

// TestPictures writes what the page looks like, with -pictures.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("no -pictures DIR is given")
	}
	b := startBrowser(t)
	shoot := func(name string, journal []byte) {
		file := pageFileOf(t, name, journal)
		for _, look := range []struct {
			name  string
			width int
			media map[string]any
		}{
			{"light", 1200, map[string]any{}},
			{"dark", 1200, map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": "dark"}}}},
			{"narrow", 390, map[string]any{}},
			{"print", 800, map[string]any{"media": "print"}},
		} {
			p := b.open(t, file, look.width, 900)
			p.call("Emulation.setEmulatedMedia", look.media, nil)
			var shot struct{ Data string }
			p.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
			picture, err := base64.StdEncoding.DecodeString(shot.Data)
			check(t, err)
			check(t, os.WriteFile(filepath.Join(*pictures, name+"-"+look.name+".png"), picture, 0o644))
			t.Logf("%s-%s: first paint after %.0f ms", name, look.name, p.eval(`performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`))
		}
	}
	for name, build := range samples {
		shoot(name, build(t).bytes())
	}
	var large bytes.Buffer
	check(t, writeLarge(&large, *tasks))
	shoot("large", large.Bytes())
}
