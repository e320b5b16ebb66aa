package cli

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// relay carries the command's output on and tells of every piece of it. It is
// there only under a limit on silence or output: without one the command writes
// to our own descriptors, which may be a terminal.
type relay struct {
	beats  chan struct{}
	ours   []*os.File // the ends that we read
	theirs []*os.File // the ends that the command writes to
	done   sync.WaitGroup

	limit   int64 // of both outputs together; 0 = none
	written atomic.Int64
	full    chan struct{} // closed when more came
	over    atomic.Bool   // likewise
}

// relayBound is how long output is read after the last process that could
// write it is dead. Only one that escaped can keep a pipe open longer.
const relayBound = 100 * time.Millisecond

// newRelay puts itself between the command and files 1 and 2.
func newRelay(files []*os.File, limit int64) (*relay, error) {
	r := &relay{beats: make(chan struct{}, 1), limit: limit, full: make(chan struct{})}
	full := r.full // the watch takes it out of r
	for i := 1; i <= 2; i++ {
		pr, pw, err := os.Pipe()
		if err != nil {
			r.started()
			return nil, err
		}
		to := files[i]
		files[i] = pw
		r.ours, r.theirs = append(r.ours, pr), append(r.theirs, pw)
		r.done.Go(func() { r.carry(to, pr, full) })
	}
	return r, nil
}

// carry copies until the command's end is closed. When nobody reads us any
// more the command must learn it in the same way: by SIGPIPE at its next write.
// What comes beyond the limit is dropped.
func (r *relay) carry(to io.Writer, from *os.File, full chan struct{}) {
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			select {
			case r.beats <- struct{}{}:
			default: // one beat is waiting already
			}
			if _, werr := to.Write(buf[:r.within(n, full)]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// within counts n more bytes and returns how many of them may be carried on.
func (r *relay) within(n int, full chan struct{}) int {
	total := r.written.Add(int64(n))
	if r.limit == 0 || total <= r.limit {
		return n
	}
	if !r.over.Swap(true) {
		close(full)
	}
	return int(max(0, int64(n)-(total-r.limit)))
}

// started closes what only the command needs. Call it after the start, also
// when that failed.
func (r *relay) started() {
	for _, f := range r.theirs {
		f.Close()
	}
}

// finish waits until all output is carried on, if r is not nil. Call it when
// nothing is left that could write.
func (r *relay) finish() {
	if r == nil {
		return
	}
	for _, f := range r.ours {
		_ = f.SetReadDeadline(time.Now().Add(relayBound)) // closed already: done
	}
	r.done.Wait()
}

// exceeded reports whether more than the limit was written; not if r is nil.
func (r *relay) exceeded() bool { return r != nil && r.over.Load() }

// bytes is how much was written; 0 if r is nil.
func (r *relay) bytes() int64 {
	if r == nil {
		return 0
	}
	return r.written.Load()
}

// tooMuch is the channel that is closed at the limit; nil if r is nil.
func (r *relay) tooMuch() <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.full
}

// wrote is the channel on which output is told of; nil if r is nil.
func (r *relay) wrote() <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.beats
}
