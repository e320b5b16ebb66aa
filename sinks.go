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
type crashWatch struct {
	w io.Writer

	mu   sync.Mutex
	line []byte // the line that is being written, as far as it matters
	said string
}

// crashLine is how long the start of a line is looked at.
const crashLine = 256

// Write passes b on. A writer of the caller's that fails loses the output, and
// nothing else: it never fails the worker.
func (c *crashWatch) Write(b []byte) (int, error) {
	c.mu.Lock()
	for part := range bytes.Lines(b) {
		c.line = append(c.line, part[:min(len(part), crashLine-len(c.line))]...)
		if part[len(part)-1] == '\n' {
			if bytes.HasPrefix(c.line, []byte("fatal error: ")) {
				c.said = string(bytes.TrimSpace(c.line))
			}
			c.line = c.line[:0]
		}
	}
	c.mu.Unlock()
	_, _ = c.w.Write(b)
	return len(b), nil
}

// fatal returns the line, or "".
func (c *crashWatch) fatal() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said
}
