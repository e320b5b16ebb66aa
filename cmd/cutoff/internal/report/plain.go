package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// textSlowest is how many of the slowest the text has.
const textSlowest = 10

// writeText writes the report as plain text for a terminal or a mail.
func writeText(w io.Writer, d *detail) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, d.Verdict())
	d.textOutcomes(b)
	d.textQuantiles(b)
	by := "reason"
	if d.stuck {
		by = "where they were stuck"
	}
	textGroups(b, "Cut off, by "+by, &d.cutOff)
	textGroups(b, "Failed, by reason", &d.failed)
	d.textSlowest(b)
	heading(b, "Environment")
	for _, f := range d.environment() {
		fmt.Fprintf(b, "  %-12s %s\n", f.Name, f.Value)
	}
	if d.BadLines > 0 {
		fmt.Fprintf(b, "\n%s\n", d.damageNote())
	}
	return b.Flush()
}

func heading(b *bufio.Writer, title string) { fmt.Fprintf(b, "\n%s\n", title) }

// textOutcomes is a bar of characters for each class.
func (d *detail) textOutcomes(b *bufio.Writer) {
	const width = 30
	heading(b, "Outcomes")
	for c := range numClasses {
		n := d.count(c)
		if n == 0 {
			continue
		}
		share := float64(n) / float64(d.Tasks())
		bar := strings.Repeat("#", max(int(share*width+0.5), 1))
		fmt.Fprintf(b, "  %-18s %11s  %5.1f %%  %s\n", d.className(c), thousands(n), 100*share, bar)
	}
}

// textQuantiles says how long tasks took, by class.
func (d *detail) textQuantiles(b *bufio.Writer) {
	heading(b, "Wall time")
	fmt.Fprintf(b, "  %-18s %11s %11s %11s %11s\n", "", "median", "90 %", "99 %", "longest")
	for c := range numClasses {
		h := &d.settled[c]
		if h.n == 0 || c == classNotStarted {
			continue
		}
		q := h.quantiles(100)
		if len(q) < 100 {
			continue
		}
		fmt.Fprintf(b, "  %-18s %11s %11s %11s %11s\n", d.className(c), shortDuration(q[49]), shortDuration(q[89]), shortDuration(q[98]), shortDuration(h.max))
	}
	if t := d.Header.Limits.Timeout; t > 0 {
		fmt.Fprintf(b, "  %-18s %11s\n", "cutoff", exactDuration(t))
	}
}

func textGroups(b *bufio.Writer, title string, g *groups) {
	shown, rest := g.top()
	if len(shown) == 0 {
		return
	}
	heading(b, title)
	for _, at := range shown {
		fmt.Fprintf(b, "%11s  %-9s %s\n", thousands(at.n), escapeLine(string(at.kind)), at.title)
		var names []string
		for _, e := range at.examples {
			names = append(names, e.name)
		}
		more := ""
		if at.n > int64(len(names)) {
			more = ", …"
		}
		fmt.Fprintf(b, "%11s  %-9s %s%s\n", "", "", strings.Join(names, ", "), more)
	}
	if rest.n > 0 {
		fmt.Fprintf(b, "%11s  for other reasons\n", thousands(rest.n))
	}
}

func (d *detail) textSlowest(b *bufio.Writer) {
	if len(d.slow.items) == 0 {
		return
	}
	heading(b, "Slowest")
	for _, k := range d.slow.items[:min(len(d.slow.items), textSlowest)] {
		fmt.Fprintf(b, "%11s  %-9s %s\n", shortDuration(k.wall), escapeLine(string(k.outcome)), k.name)
		if k.command != "" && k.whole && k.command != k.name {
			fmt.Fprintf(b, "%11s  %-9s $ %s\n", "", "", k.command)
		}
	}
}

// field is a line of the environment.
type field struct{ Name, Value string }

// environment says where and how the batch ran. Of a journal with several runs
// it is that of the last.
func (s *Summary) environment() []field {
	h := s.Header
	out := []field{
		{"command", commandLine(h.Argv)},
		{"directory", escapeLine(h.Dir)},
		{"host", escapeLine(h.Host)},
		{"system", escapeLine(h.OS + "/" + h.Arch)},
		{"cores", fmt.Sprint(h.Cores)},
		{"slots", fmt.Sprint(h.Slots)},
		{"limits", limitsText(&h.Limits)},
		{"containment", escapeLine(h.Containment)},
		{"program", escapeLine(h.Program)},
		{"started", h.Time.UTC().Format("2006-01-02 15:04:05 MST")},
		{"took", shortDuration(s.Elapsed)},
		{"sync", escapeLine(string(h.Sync))},
	}
	if s.runs > 1 {
		out = append(out, field{"runs", fmt.Sprintf("%d; this is of the last", s.runs)})
	}
	kept := out[:0]
	for _, f := range out {
		if f.Value != "" && f.Value != "/" {
			kept = append(kept, field{f.Name, ends1(f.Value, 2000)})
		}
	}
	return kept
}

func (s *Summary) damageNote() string {
	return fmt.Sprintf("Lines of the journal that are no records, skipped: %d; the first: %s", s.BadLines, ends1(escapeLine(s.FirstBad.Error()), 300))
}
