package progress

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// How the block of lines gets to the terminal, and away from it.

// Terminal control, of what every terminal of the last decades knows.
const (
	clearLine = "\x1b[K" // from here to the end of the line
	clearDown = "\x1b[J" // from here to the end of the screen
	wrapOff   = "\x1b[?7l"
	wrapOn    = "\x1b[?7h"
)

// Terminal is what a live view has to know about its terminal.
type Terminal struct {
	// Size returns its columns and rows at the moment.
	Size func() (columns, rows int)
	// Unicode says that it shows more than ASCII.
	Unicode bool
	// Color says that it may be colored.
	Color bool
}

// style is how bars look.
type style struct {
	full, empty string
	color       bool
}

func (t Terminal) style() style {
	s := style{"=", ".", t.Color}
	if t.Unicode {
		s.full, s.empty = "━", "─"
	}
	return s
}

// screen is the block that stands on the terminal. The cursor is at the end of
// its last line.
type screen struct {
	out   io.Writer
	lines []int // the columns that each of its lines takes; none: it does not stand there
}

// draw puts lines in the place of those that stand there, in one write, so that
// nothing flickers. Lines are not wrapped: what wraps cannot be drawn over.
func (s *screen) draw(lines []string, columns int) {
	var b strings.Builder
	b.WriteString(wrapOff)
	b.WriteString(s.back(columns))
	s.lines = s.lines[:0]
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line + clearLine)
		s.lines = append(s.lines, width(line))
	}
	b.WriteString(clearDown + wrapOn)
	s.print(b.String())
}

// clear takes the block away.
func (s *screen) clear(columns int) {
	if len(s.lines) > 0 {
		s.print(s.back(columns) + clearDown)
		s.lines = s.lines[:0]
	}
}

// back leads the cursor to where the block begins. A terminal that has become
// narrower has wrapped its lines.
func (s *screen) back(columns int) string {
	up := -1
	for _, w := range s.lines {
		up += 1 + max(w-1, 0)/max(columns, 1)
	}
	if up > 0 {
		return fmt.Sprintf("\r\x1b[%dA", up)
	}
	return "\r"
}

// width returns the columns that a line takes.
func width(line string) int {
	for _, sgr := range []string{green, yellow, red, grey, plain} {
		line = strings.ReplaceAll(line, sgr, "")
	}
	return runewidth.StringWidth(line)
}

// print writes to the terminal. That it cannot be written is no reason to end
// a batch.
func (s *screen) print(text string) { _, _ = io.WriteString(s.out, text) }
