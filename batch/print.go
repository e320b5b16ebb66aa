package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrOutput marks an error of Options.Stdout or Options.Stderr.
var ErrOutput = errors.New("batch: cannot write the output of tasks")

// With KeepOrder, finished tasks wait until all before them have been printed.
const (
	// orderWindow bounds how many. When the oldest unprinted task is this far
	// behind, no further task starts until it ends.
	orderWindow = 1 << 16
	// orderMemory bounds what they hold in memory. What is more waits in the
	// temporary file.
	orderMemory = 4 << 20
)

// captured is the output of one attempt.
type captured struct {
	tag            string
	stdout, stderr stream
}

// inMemory returns how many bytes it holds in memory; c may be nil.
func (c *captured) inMemory() int {
	if c == nil {
		return 0
	}
	return cap(c.stdout.tail) + cap(c.stderr.tail)
}

func (c *captured) empty() bool { return c.stdout.empty() && c.stderr.empty() }

// park moves all that is in memory into the temporary file.
func (c *captured) park() {
	for _, s := range []*stream{&c.stdout, &c.stderr} {
		if len(s.tail) > 0 {
			s.park()
		}
		s.tail = nil
	}
}

// drop gives back the room of an output that nobody will see.
func (c *captured) drop() {
	for _, s := range []*stream{&c.stdout, &c.stderr} {
		s.drop()
	}
}

// printer prints the output of each attempt in one piece. It belongs to the
// goroutine that owns the batch.
type printer struct {
	stdout, stderr io.Writer // nil: nobody wants it
	tagged         bool
	keepOrder      bool

	next    int64 // with keepOrder: the task to print next
	waiting map[int64]*captured
	held    int // bytes that the waiting hold in memory
}

func newPrinter(o Options) *printer {
	return &printer{
		stdout: o.Stdout, stderr: o.Stderr, tagged: o.Tag, keepOrder: o.KeepOrder,
		next: 1, waiting: map[int64]*captured{},
	}
}

// full reports whether task seq would be too far ahead of the printed ones.
func (p *printer) full(seq int64) bool { return p.keepOrder && seq-p.next >= orderWindow }

// finish takes the output of a task that has ended, and prints what is due.
// It must be called once for every task; c is nil if there is nothing to print.
func (p *printer) finish(seq int64, c *captured) error {
	if !p.keepOrder {
		return p.print(c)
	}
	if c != nil && c.empty() {
		c = nil
	}
	if seq != p.next && p.held+c.inMemory() > orderMemory {
		c.park()
	}
	p.held += c.inMemory()
	p.waiting[seq] = c
	for {
		c, ended := p.waiting[p.next]
		if !ended {
			return nil
		}
		delete(p.waiting, p.next)
		p.held -= c.inMemory()
		p.next++
		if err := p.print(c); err != nil {
			return err
		}
	}
}

func (p *printer) print(c *captured) error {
	if c == nil {
		return nil
	}
	for _, s := range []struct {
		stream *stream
		w      io.Writer
	}{{&c.stdout, p.stdout}, {&c.stderr, p.stderr}} {
		if s.w == nil {
			continue
		}
		w := s.w
		if p.tagged {
			w = &tagger{w: w, tag: c.tag + "\t"}
		}
		if err := s.stream.drain(w); errors.Is(err, errSpool) {
			return err
		} else if err != nil {
			return fmt.Errorf("%w: %w", ErrOutput, err)
		}
	}
	return nil
}

// tagger writes a tag before each line.
type tagger struct {
	w    io.Writer
	tag  string
	open bool // the last write did not end its line
}

func (t *tagger) Write(p []byte) (int, error) {
	var b bytes.Buffer
	for line := range bytes.Lines(p) {
		if !t.open {
			b.WriteString(t.tag)
		}
		b.Write(line)
		t.open = line[len(line)-1] != '\n'
	}
	if _, err := t.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
