package cutoff

import (
	"io"
	"os"
	"sync"
	"time"
)

// sink carries what a pool's workers print to one of the writers of
// PoolOptions. Each worker has a pipe of its own, so that none can hold up or
// garble another.
type sink struct {
	file *os.File // the workers write to it themselves; nil if there is a writer

	mu sync.Mutex
	w  io.Writer
}

func newSink(w io.Writer, inherited *os.File) *sink {
	if w == nil {
		return &sink{file: inherited}
	}
	if f, ok := w.(*os.File); ok {
		return &sink{file: f}
	}
	return &sink{w: w}
}

// open returns the file for one worker, and a function to call when the worker
// has ended: it waits until all that was printed is written.
func (s *sink) open() (*os.File, func(), error) {
	if s.file != nil {
		return s.file, func() {}, nil
	}
	r, pw, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := io.Copy(s, r); err != nil {
			_, _ = io.Copy(io.Discard, r) // the writer failed; the functions must not
		}
	}()
	finish := func() {
		pw.Close()
		// Nobody is left to write; only a process that got hold of the
		// descriptor and escaped could keep the pipe open.
		_ = r.SetReadDeadline(time.Now().Add(pipeBound))
		<-done
		r.Close()
	}
	return pw, finish, nil
}

// pipeBound is how long a pipe is read after its writers are dead.
const pipeBound = 100 * time.Millisecond

// Write writes for one worker at a time.
func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}
