package cutoff

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// streams are the standard streams of one command: the descriptors that it
// gets, and the goroutines that copy what is not a file.
type streams struct {
	files  [3]*os.File // what the command gets; nil: the null device
	ours   []*os.File  // those of files that are ours to close
	input  *inputCopy  // nil: no copying
	output []*outputCopy
	// account holds what was written; full is closed when that is more than a
	// command's Limits.Output, and nil without that limit.
	account account
	full    <-chan struct{}

	// active is when output last arrived or was taken, since began.
	began  time.Time
	active atomic.Int64
	// writing counts the writers that are busy: silence is ours then.
	writing atomic.Int32
}

// openStreams makes the pipes that the command needs.
func openStreams(c Command) (*streams, error) {
	s := &streams{}
	if c.Limits.Output > 0 {
		s.full = s.account.begin(c.Limits.Output, 0)
	}
	watch := c.Limits.Idle > 0 || c.Limits.Output > 0
	err := s.openInput(c.Stdin)
	if err == nil {
		s.files[1], err = s.openOutput(c.Stdout, "Stdout", watch)
	}
	if err == nil {
		if sameWriter(c.Stdout, c.Stderr) {
			s.files[2] = s.files[1] // one pipe keeps the order
		} else {
			s.files[2], err = s.openOutput(c.Stderr, "Stderr", watch)
		}
	}
	if err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// sameWriter reports whether both are the same; types that cannot be compared
// differ.
func sameWriter(a, b io.Writer) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}

func (s *streams) openInput(r io.Reader) error {
	if r == nil {
		return nil
	}
	if f, ok := r.(*os.File); ok {
		s.files[0] = f
		return nil
	}
	pr, pw, err := proc.InputPipe()
	if err != nil {
		return err
	}
	s.files[0] = pr
	s.ours = append(s.ours, pr)
	s.input = &inputCopy{from: r, to: pw, done: make(chan struct{})}
	return nil
}

// openOutput returns what the command writes to. watch means that its output
// must pass through us even if it goes to a file.
func (s *streams) openOutput(w io.Writer, name string, watch bool) (*os.File, error) {
	if f, ok := w.(*os.File); ok && !watch {
		return f, nil
	}
	if w == nil {
		w = io.Discard
	}
	pr, pw, err := proc.OutputPipe()
	if err != nil {
		return nil, err
	}
	s.ours = append(s.ours, pw)
	s.output = append(s.output, &outputCopy{name: name, from: pr, to: w, streams: s, done: make(chan struct{})})
	return pw, nil
}

// start starts the copying, after the command.
func (s *streams) start(now time.Time) {
	s.closeOurs()
	s.copy(now)
}

// copy starts the copying.
func (s *streams) copy(now time.Time) {
	s.began = now
	if s.input != nil {
		go s.input.run()
	}
	for _, o := range s.output {
		go o.run()
	}
}

// abandon gives everything back if there was no start.
func (s *streams) abandon() {
	s.closeOurs()
	if s.input != nil {
		s.input.to.Close()
	}
	for _, o := range s.output {
		o.from.Close()
	}
}

func (s *streams) closeOurs() {
	for _, f := range s.ours {
		f.Close()
	}
}

// finish ends the copying after all processes of the command are dead, and
// returns the first error of the caller's readers and writers.
func (s *streams) finish() error {
	var errs []error
	if s.input != nil {
		errs = append(errs, s.input.finish())
	}
	for _, o := range s.output {
		o.endOfPipe()
	}
	for _, o := range s.output {
		errs = append(errs, o.finish())
	}
	return errors.Join(errs...)
}

// exceeded reports whether more was written than Limits.Output allows.
func (s *streams) exceeded() bool {
	select {
	case <-s.full:
		return true
	default:
		return false
	}
}

// pending is how much the pipes hold that has been written and not been read.
func (s *streams) pending() (n int64) {
	for _, o := range s.output {
		n += unread(o.from)
	}
	return n
}

// lastOutput is when the command last wrote; now, if a writer holds it up.
func (s *streams) lastOutput() time.Time {
	if s.writing.Load() > 0 {
		return time.Now()
	}
	return s.began.Add(time.Duration(s.active.Load()))
}

func (s *streams) touch() { s.active.Store(int64(time.Since(s.began))) }

// inputCopy copies the caller's reader to the command.
type inputCopy struct {
	from    io.Reader
	to      *os.File
	reading atomic.Bool // in the caller's Read
	ended   atomic.Bool // the command has ended: read no more
	done    chan struct{}
	err     error // valid once done is closed
}

func (i *inputCopy) run() {
	defer close(i.done)
	_, err := io.Copy(i.to, i)
	if i.err == nil && err != nil && !brokenPipe(err) {
		i.err = err
	}
	i.to.Close() // the command sees the end of its input
}

// Read reads from the caller's reader and notes whose fault a failure is.
func (i *inputCopy) Read(b []byte) (int, error) {
	i.reading.Store(true)
	defer i.reading.Store(false)
	if i.ended.Load() {
		return 0, io.EOF
	}
	n, err := i.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = fmt.Errorf("reading Stdin: %w", err)
	}
	return n, err
}

// finish ends the copying. A reader that blocks is left to itself.
func (i *inputCopy) finish() error {
	i.ended.Store(true)
	i.to.Close() // wakes a write that nobody reads
	if i.reading.Load() {
		select {
		case <-i.done:
		default:
			return nil
		}
	}
	<-i.done
	return i.err
}

// outputCopy copies one of the command's outputs to the caller's writer.
type outputCopy struct {
	name    string
	from    *os.File
	to      io.Writer
	streams *streams

	taken atomic.Int64 // writes that have returned
	done  chan struct{}
	err   error // the writer's
}

// copyBuffers are lent to outputs: a batch copies many of them one after the
// other.
var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (o *outputCopy) run() {
	defer close(o.done)
	defer o.from.Close()
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)
	for {
		n, err := o.from.Read(buf[:])
		o.write(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			drain(o.from, buf[:], o.write)
			return
		}
		if err != nil {
			return
		}
	}
}

// write hands output on, a command's as far as Limits.Output goes. The writer's
// failure must not become the command's: after it the output is read on and
// dropped.
func (o *outputCopy) write(b []byte) {
	if len(b) == 0 {
		return
	}
	s := o.streams
	s.touch()
	within := s.account.add(b)
	if s.full != nil {
		b = b[:within]
	}
	if o.err == nil && len(b) > 0 {
		s.writing.Add(1)
		n, err := o.to.Write(b)
		s.writing.Add(-1)
		if err == nil && n < len(b) {
			err = io.ErrShortWrite
		}
		if err != nil {
			o.err = fmt.Errorf("writing %s: %w", o.name, err)
		}
	}
	o.taken.Add(1)
	s.touch()
}

// endOfPipe makes the copying end with what is in the pipe now: whoever still
// holds the other end does not belong to the command.
func (o *outputCopy) endOfPipe() { _ = o.from.SetReadDeadline(time.Unix(1, 0)) }

// writerBound is how long one Write of the caller's may take after the command
// has ended.
const writerBound = 10 * time.Second

// finish waits for the copying, as long as the writer goes on.
func (o *outputCopy) finish() error {
	for before := o.taken.Load(); ; {
		if join(o.done, writerBound) {
			return o.err
		}
		if now := o.taken.Load(); now != before {
			before = now
			continue
		}
		return fmt.Errorf("writing %s: the writer has not returned for %v: output is lost", o.name, writerBound)
	}
}
