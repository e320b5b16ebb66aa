package cutoff

import (
	"bytes"
	"io"
	"os"
	"sync"
)

// sink is where what the workers print goes, one write at a time. Each worker
// has pipes of its own to it, so that none can hold up or garble another.
type sink struct {
	mu sync.Mutex
	w  io.Writer
}

// newSink returns the sink for w, or for the program's own stream.
func newSink(w io.Writer, own *os.File) *sink {
	if w == nil {
		w = own
	}
	return &sink{w: w}
}

// Write writes for one worker.
func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// crashWatch passes on what one worker writes to its standard error and picks
// out how its runtime names a fatal error: that line is in no crash report,
// and what follows it may be megabytes of stacks.
//
// Once the worker is told to print its goroutines and die (see quit), what its
// runtime prints from then on is for the record of the call alone.
type crashWatch struct {
	w io.Writer

	mu       sync.Mutex
	line     []byte // the line that is being written, as far as it matters
	said     string
	quitting bool
	held     []byte // the end of what came, which may begin a dump
	dumping  bool   // the rest is the runtime's
}

// crashLine is how long the start of a line is looked at.
const crashLine = 256

// Write passes b on. A writer of the caller's that fails loses the output, and
// nothing else: it never fails the worker.
func (c *crashWatch) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch(b)
	if c.quitting {
		c.pass(append(c.held, b...))
	} else {
		_, _ = c.w.Write(b)
	}
	return len(b), nil
}

// watch looks for the name of a fatal error.
func (c *crashWatch) watch(b []byte) {
	for part := range bytes.Lines(b) {
		c.line = append(c.line, part[:min(len(part), crashLine-len(c.line))]...)
		if part[len(part)-1] == '\n' {
			if bytes.HasPrefix(c.line, []byte("fatal error: ")) {
				c.said = string(bytes.TrimSpace(c.line))
			}
			c.line = c.line[:0]
		}
	}
}

// quit says that the worker is about to be told to print its goroutines.
func (c *crashWatch) quit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quitting = true
}

// dumpHead is how the runtime begins a dump, also behind a line that the
// function has not ended.
var dumpHead = []byte("SIGQUIT: quit\nPC=0x")

// pass passes b on up to the dump, and holds back what may begin one.
func (c *crashWatch) pass(b []byte) {
	if c.dumping {
		return
	}
	end := bytes.Index(b, dumpHead)
	if c.dumping = end >= 0; !c.dumping {
		end = len(b)
		for n := min(len(b), len(dumpHead)-1); n > 0; n-- {
			if bytes.HasSuffix(b, dumpHead[:n]) {
				end -= n
				break
			}
		}
	}
	c.held = bytes.Clone(b[end:])
	if end > 0 {
		_, _ = c.w.Write(b[:end])
	}
}

// finish passes on what was held back and began nothing: the worker has gone.
func (c *crashWatch) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dumping && len(c.held) > 0 {
		_, _ = c.w.Write(c.held)
		c.held = nil
	}
}

// fatal returns the line, or "".
func (c *crashWatch) fatal() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said
}
