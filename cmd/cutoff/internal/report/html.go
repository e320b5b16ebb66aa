package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cutoff-run/cutoff"
)

// The page is one file that asks for nothing: style and script are in it, and
// its policy allows that script alone, by its hash. html/template escapes
// every text; what is inserted as HTML is made of numbers and our own words.
//
//go:embed page
var pageFiles embed.FS

var (
	pageTemplate = sync.OnceValue(func() *template.Template {
		return template.Must(template.ParseFS(pageFiles, "page/page.html"))
	})
	pageCSS = pageFile("page/page.css")
	pageJS  = pageFile("page/page.js")
)

func pageFile(name string) string {
	b, err := pageFiles.ReadFile(name)
	if err != nil {
		panic("report: " + err.Error())
	}
	return string(b)
}

// page is what page.html shows, from the top to the bottom.
type page struct {
	Title, Verdict, About  string
	Policy                 string
	CSS                    template.CSS
	JS, Data               template.JS
	Sections               []section
	Tiles                  []tile
	TaskShares, TimeShares string
	Damage                 string
	Advice                 *adviceView
	Rows                   *rowsView  // up to 60 tasks
	Lanes                  *lanesView // more
	Quantiles              *quantileView
	Groups                 []groupsView
	Slowest                []slowRow
	Sampled                string
	Environment            []field
}

// section is an entry of the page's navigation.
type section struct{ ID, Name string }

// tile is a class with its shares of tasks and time.
type tile struct {
	Class, Mark, Name, Count string
	Share, Time              string
	TaskPart, TimePart       float64
}

// chip names an outcome by color, mark and word.
type chip struct{ Class, Mark, Name string }

// writeHTML writes the page.
func writeHTML(w io.Writer, d *detail, advice *adviceView) error {
	rows, total := d.listed()
	data, shown, err := listData(rows)
	if err != nil {
		return err
	}
	p := &page{
		Title: "cutoff: " + d.Verdict(), Verdict: strings.ReplaceAll(d.Verdict(), " %", "\u00a0%"), About: d.about(),
		Policy: policy(), CSS: template.CSS(pageCSS), JS: template.JS(pageJS), Data: template.JS(data),
		Advice: advice, Quantiles: newQuantileView(d), Groups: d.groupViews(), Slowest: d.slowRows(),
		Sampled: sampled(shown, total), Environment: d.environment(),
	}
	p.addTiles(d)
	if d.overflow {
		p.Lanes = newLanesView(d)
	} else {
		p.Rows = newRowsView(d)
	}
	if d.BadLines > 0 {
		p.Damage = d.damageNote()
	}
	p.addSections()
	var b bytes.Buffer // a template writes in many small pieces
	if err := pageTemplate().Execute(&b, p); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// policy forbids whatever is not in the file.
func policy() string {
	sum := sha256.Sum256([]byte(pageJS))
	return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (p *page) addSections() {
	if p.Advice != nil {
		p.Sections = append(p.Sections, section{"advice", "Advice"})
	}
	p.Sections = append(p.Sections, section{"timeline", "Timeline"})
	if p.Quantiles != nil {
		p.Sections = append(p.Sections, section{"quantiles", "Quantiles"})
	}
	for _, g := range p.Groups {
		p.Sections = append(p.Sections, section{g.ID, g.Short})
	}
	if len(p.Slowest) > 0 {
		p.Sections = append(p.Sections, section{"slowest", "Slowest"})
	}
	p.Sections = append(p.Sections, section{"attempts", "Attempts"}, section{"environment", "Environment"})
}

// about says in a line what ran, where and when.
func (d *detail) about() string {
	h := d.Header
	return fmt.Sprintf("%s on %s, %s, %d slots, limits: %s", ends1(commandLine(h.Argv), 300), ends1(escapeLine(h.Host), 80),
		h.Time.UTC().Format("2 January 2006 15:04 MST"), h.Slots, limitsText(&h.Limits))
}

func (p *page) addTiles(d *detail) {
	var all time.Duration
	for _, w := range d.work {
		all += w
	}
	var tasks, times []string
	for c := range numClasses {
		n := d.count(c)
		if n == 0 {
			continue
		}
		t := tile{Class: cssClass[c], Mark: classMarks[c], Name: d.className(c), Count: thousands(n), TaskPart: share(n, d.Tasks())}
		t.Share = percent(t.TaskPart)
		tasks = append(tasks, t.Name+" "+t.Share)
		if w := d.work[c]; w > 0 {
			t.TimePart = share(int64(w), int64(all))
			t.Time = percent(t.TimePart)
			times = append(times, t.Name+" "+t.Time)
		}
		p.Tiles = append(p.Tiles, t)
	}
	p.TaskShares, p.TimeShares = strings.Join(tasks, ", "), strings.Join(times, ", ")
}

func share(n, all int64) float64 {
	if all <= 0 {
		return 0
	}
	return float64(n) / float64(all)
}

// percent writes a share so that what is there is never told as nothing.
func percent(x float64) string {
	switch {
	case x > 0 && x < 0.0005:
		return "< 0.1 %"
	case x < 1 && x >= 0.9995:
		return "> 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}

var cssClass = [numClasses]string{
	classOK: "ok", classFailed: "failed", classCanceled: "canceled", classCutOff: "cutoff", classNotStarted: "notstarted", classNoEnd: "unfinished",
}

var classMarks = [numClasses]string{
	classOK: "✓", classFailed: "✗", classCanceled: "⊘", classCutOff: "✂", classNotStarted: "○", classNoEnd: "…",
}

// chipOf is the chip of an outcome; that of no outcome is for an attempt
// without an end.
func chipOf(o cutoff.Outcome) chip {
	if o == "" {
		return chip{cssClass[classNoEnd], classMarks[classNoEnd], "no end"}
	}
	c := chip{cssClass[classOf(o)], classMarks[classOf(o)], ends1(escapeLine(string(o)), 40)}
	switch o {
	case cutoff.Memory:
		c.Class = "memory"
	case cutoff.NotStarted:
		c.Name = "not started"
	}
	return c
}

// taskLink leads to an attempt in the list.
func taskLink(k *kept) template.URL {
	return template.URL(fmt.Sprintf("#task=%d.%d.%d", k.run, k.seq, k.attempt))
}

// reasonLink leads to the list of what ended so.
func reasonLink(g *group) template.URL {
	return template.URL("#" + url.Values{"outcome": {string(g.kind)}, "q": {g.title}}.Encode())
}

func sampled(shown int, total int64) string {
	if int64(shown) == total {
		return fmt.Sprintf("All %s attempts. A click on a task shows how to run it again.", thousands(total))
	}
	return fmt.Sprintf("Showing %s of %s rows: a random sample in which every outcome has its part, with the slowest and the examples above. "+
		"Counts, plots and groups are of all. The CSV and JSON reports have every row.", thousands(int64(shown)), thousands(total))
}
