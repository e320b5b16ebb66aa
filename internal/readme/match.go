package readme

import (
	"regexp"
	"strings"
)

var number = regexp.MustCompile(`[0-9]+(?:[.,][0-9]+)*`)

// Matches reports whether got is the output that the block b shows. Blanks at
// the end of lines and empty lines at both ends do not count.
func (b *Block) Matches(got string) bool {
	return b.pattern().MatchString(normal(got))
}

// pattern returns the expression for the outputs that b stands for.
func (b *Block) pattern() *regexp.Regexp {
	var expr strings.Builder
	expr.WriteString(`\A`)
	for line := range strings.Lines(normal(b.Text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "…" {
			expr.WriteString(`(?:.*\n)*`)
			continue
		}
		for i, part := range strings.Split(line, "…") {
			if i > 0 {
				expr.WriteString(`.*`)
			}
			expr.WriteString(b.literal(part))
		}
		expr.WriteString(`\n`)
	}
	expr.WriteString(`\z`)
	return regexp.MustCompile(expr.String())
}

// literal quotes a part of a line, with its numbers free if they vary.
func (b *Block) literal(part string) string {
	if !b.Vary {
		return regexp.QuoteMeta(part)
	}
	var expr strings.Builder
	at := 0
	for _, n := range number.FindAllStringIndex(part, -1) {
		expr.WriteString(regexp.QuoteMeta(part[at:n[0]]) + number.String())
		at = n[1]
	}
	return expr.String() + regexp.QuoteMeta(part[at:])
}

// normal takes away what does not count, and has each line end in a line feed.
func normal(text string) string {
	var out strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\r\n")) {
		out.WriteString(strings.TrimRight(line, " \t\r\n") + "\n")
	}
	return out.String()
}
