package batch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

// What is held of the output of attempts that run, or that wait for their turn
// to be printed: of each stream at most one chunk in memory, and everything
// else in one temporary file for the whole batch. The file has no name, so
// that nothing is left of it however the program ends, and space that has been
// printed is used again.

// chunkSize is the unit of the file, and what a stream may hold in memory.
const chunkSize = 32 << 10

// spool is the temporary file of a batch. Its methods may be called by
// several goroutines.
type spool struct {
	// failed is told the first error: the batch cannot go on without losing
	// output.
	failed func(error)

	mu   sync.Mutex
	f    *os.File // nil until the first chunk is stored
	free []int64  // offsets that may be used again
	end  int64    // the first offset that never was used
	err  error
}

// extent is a chunk in the file.
type extent struct {
	off int64
	n   int
}

// store puts at most a chunk into the file. After an error it stores nothing.
func (s *spool) store(p []byte) extent {
	off, err := s.alloc()
	if err == nil {
		_, err = s.f.WriteAt(p, off)
	}
	if err != nil {
		s.fail(err)
		return extent{}
	}
	return extent{off, len(p)}
}

func (s *spool) alloc() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	if s.f == nil {
		f, err := os.CreateTemp("", "cutoff-output-*")
		if err != nil {
			return 0, err
		}
		// Where an open file cannot be removed, close does it.
		_ = os.Remove(f.Name())
		s.f = f
	}
	if n := len(s.free); n > 0 {
		off := s.free[n-1]
		s.free = s.free[:n-1]
		return off, nil
	}
	s.end += chunkSize
	return s.end - chunkSize, nil
}

func (s *spool) release(e extent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, e.off)
}

func (s *spool) fail(err error) {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = fmt.Errorf("batch: cannot keep the output of tasks in a temporary file: %w", err)
	}
	err = s.err
	s.mu.Unlock()
	if first {
		s.failed(err)
	}
}

func (s *spool) close() {
	if s.f != nil {
		_ = s.f.Close()
		_ = os.Remove(s.f.Name())
	}
}

// stream is what an attempt wrote to one of its outputs: all of it, or the
// beginning and the end.
type stream struct {
	spool  *spool
	stored []extent
	tail   []byte // what follows, less than a chunk
	half   int    // chunks that are kept at the beginning, and at the end; 0: all
	lost   int64  // bytes that were dropped behind the first half
}

// setMost bounds what is kept, rounded up to chunks; zero is no bound.
func (s *stream) setMost(n int64) {
	if n > 0 {
		s.half = int(min((n+2*chunkSize-1)/(2*chunkSize), 1<<30))
	}
}

// Write implements io.Writer. It never fails: what could not be kept ends the
// batch through the spool, and is not the task's fault.
func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part := p[:min(len(p), chunkSize-len(s.tail))]
		s.tail = append(s.tail, part...)
		p = p[len(part):]
		if len(s.tail) == chunkSize {
			s.park()
			s.tail = s.tail[:0]
		}
	}
	return n, nil
}

func (s *stream) empty() bool { return len(s.stored) == 0 && len(s.tail) == 0 }

// park moves the tail into the file. The caller drops it or writes over it.
func (s *stream) park() {
	e := s.spool.store(s.tail)
	if e.n == 0 {
		return
	}
	s.stored = append(s.stored, e)
	if s.half > 0 && len(s.stored) > 2*s.half {
		oldest := s.stored[s.half]
		s.lost += int64(oldest.n)
		s.spool.release(oldest)
		s.stored = slices.Delete(s.stored, s.half, s.half+1)
	}
}

// drain writes everything to w and gives the space back.
func (s *stream) drain(w io.Writer) error {
	var err error
	for i, e := range s.stored {
		if err == nil && s.lost > 0 && i == s.half {
			_, err = io.WriteString(w, leftOut(s.lost))
		}
		if err == nil {
			err = s.copyOut(w, e)
		}
		s.spool.release(e)
	}
	if err == nil && len(s.tail) > 0 {
		_, err = w.Write(s.tail)
	}
	s.stored, s.tail = nil, nil
	return err
}

// drop gives the space back unread.
func (s *stream) drop() {
	for _, e := range s.stored {
		s.spool.release(e)
	}
	s.stored, s.tail = nil, nil
}

func (s *stream) copyOut(w io.Writer, e extent) error {
	buf := make([]byte, e.n)
	if _, err := s.spool.f.ReadAt(buf, e.off); err != nil {
		return fmt.Errorf("batch: cannot read the output of tasks back from the %w: %w", errSpool, err)
	}
	_, err := w.Write(buf)
	return err
}

// errSpool marks an error of the temporary file, which is none of the screen.
var errSpool = errors.New("temporary file")
