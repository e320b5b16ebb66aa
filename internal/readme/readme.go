// Package readme runs what a Markdown document shows, for the test that keeps
// the README true. Only tests import it.
//
// Its rules are these. Each fenced block says what it is:
//
//	sh    commands, one a line; a backslash at its end continues a line. Each
//	      is run by a sh of its own and must succeed. They run in a copy of
//	      the checkout, as a reader would after git clone, with a fresh build
//	      of cutoff in PATH. What one writes is there for those after it.
//	go    a whole file. It is compiled against the library of the checkout
//	      and, if it is a program, run.
//	text  in the same section after one of these: what that prints, standard
//	      output and standard error together. "…" stands for anything within
//	      a line, a line of "…" alone for any lines.
//
// A comment right before a block changes how it is taken:
//
//	<!-- readme: skip, REASON -->     neither run nor compared
//	<!-- readme: exit N -->           one command ends with this status
//	<!-- readme: numbers vary -->     any number will do for each number shown
//
// A block of another kind, or one without a kind, has to be skipped by such a
// comment: nothing in the document goes unrun without a reason that is told.
package readme

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Block is one fenced block of a document.
type Block struct {
	Line   int    // where its text begins, counted from 1
	Kind   string // "sh", "go", "text" or whatever stands after the fence
	Text   string // its lines, each with its line feed
	Skip   string // why it is not run; "" = it is
	Exit   int    // one of its commands ends with this exit status
	Vary   bool   // numbers may differ
	Output *Block // for sh and go: what it prints; nil = not told
}

// Parse returns the blocks of a document that are to be run, with their
// outputs, and those that are skipped. It fails if a block says neither what it
// is nor why it is skipped, and if a marker has no block.
func Parse(doc string) ([]Block, error) {
	p := parser{lines: strings.SplitAfter(doc, "\n")}
	for p.next < len(p.lines) {
		if err := p.line(); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.next, err)
		}
	}
	if p.marker != "" {
		return nil, fmt.Errorf("the marker %q does not stand right before a block", p.marker)
	}
	return p.blocks, nil
}

type parser struct {
	lines  []string
	next   int    // index of the line to read; so, the number of the one just read
	marker string // the comment that stands right before
	fresh  bool   // no heading came since the last block
	blocks []Block
}

// line takes the next line, or the whole block that it opens.
func (p *parser) line() error {
	line := strings.TrimSpace(p.lines[p.next])
	p.next++
	switch {
	case line == "":
	case strings.HasPrefix(line, "```"):
		return p.block(line)
	case strings.HasPrefix(line, "~~~"):
		return errors.New("a block is fenced with ```, not with ~~~")
	case strings.HasPrefix(line, "<!-- readme:"):
		if p.marker != "" {
			return errors.New("two markers without a block between them")
		}
		m, ok := strings.CutSuffix(line, "-->")
		if !ok {
			return errors.New("a marker stands on one line")
		}
		p.marker = strings.TrimSpace(strings.TrimPrefix(m, "<!-- readme:"))
	case p.marker != "":
		return fmt.Errorf("the marker %q does not stand right before a block", p.marker)
	case strings.HasPrefix(line, "#"):
		p.fresh = false
	}
	return nil
}

// block takes the block that the fence opens.
func (p *parser) block(fence string) error {
	b := Block{Line: p.next + 1, Kind: strings.TrimLeft(fence, "`")}
	ticks := strings.TrimSuffix(fence, b.Kind)
	marker, follows := p.marker, p.fresh
	p.marker, p.fresh = "", true
	for p.next < len(p.lines) && strings.TrimSpace(p.lines[p.next]) != ticks {
		b.Text += p.lines[p.next]
		p.next++
	}
	if p.next == len(p.lines) {
		return errors.New("the block does not end")
	}
	p.next++
	if err := b.mark(marker); err != nil {
		return err
	}
	switch {
	case b.Skip != "" || b.Kind == "sh" || b.Kind == "go":
		p.blocks = append(p.blocks, b)
	case b.Kind == "text" && follows && p.last().Output == nil:
		p.last().Output = &b
	case b.Kind == "text":
		return errors.New("this text is not what the block before it prints: skip it with a marker that says what it is")
	default:
		return fmt.Errorf("no rule for a block of kind %q: skip it with a marker that says why", b.Kind)
	}
	return nil
}

func (p *parser) last() *Block { return &p.blocks[len(p.blocks)-1] }

// mark applies a marker.
func (b *Block) mark(marker string) error {
	word, rest, _ := strings.Cut(marker, " ")
	switch {
	case marker == "":
		return nil
	case word == "skip," && rest != "":
		b.Skip = rest
		return nil
	case marker == "numbers vary" && b.Kind == "text":
		b.Vary = true
		return nil
	case word == "exit" && b.Kind != "text":
		n, err := strconv.Atoi(rest)
		if err == nil && n == 0 {
			err = errors.New("exit 0 needs no marker")
		}
		b.Exit = n
		return err
	}
	return fmt.Errorf("unknown marker %q for a block of kind %q", marker, b.Kind)
}
