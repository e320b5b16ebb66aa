package worker

// This file runs in the worker process only.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cutoff-run/cutoff/internal/codec"
	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/internal/wire"
)

// ExitProtocol is the worker's exit status when it can no longer talk to its
// pool: user code closed or overwrote its descriptors, or the pool is gone.
const ExitProtocol = 86

// Serve makes the process a worker if it was started as one, and returns at
// once if not. A worker stays in here until its pool lets it go.
func Serve(p Program) {
	v, ok := os.LookupEnv(EnvVar)
	if !ok {
		return
	}
	// What the user's functions start must not take itself for a worker.
	_ = os.Unsetenv(EnvVar) // fails for no name that is valid
	secret, err := strconv.ParseUint(v, 16, 64)
	if err != nil {
		fmt.Fprintf(os.Stderr, "cutoff: %s=%q: this variable is set by a pool for its workers; unset it\n", EnvVar, v)
		os.Exit(ExitProtocol)
	}
	s := &server{program: p, calls: make(chan wire.Frame), peak: newPeak(), started: proc.NewOffspring(), epoch: newEpoch()}
	s.connect(secret)
	hello := append([]byte{wire.Version, 0, 0, 0}, p.Fingerprint...)
	if s.page = openPage(fdPage, secret); s.page != nil {
		hello[1] = 1
		s.conn.Share(s.page.areas[1], s.page.areas[0])
		go s.servePage()
	}
	go s.execute() // before the hello: a call counts the goroutines that it finds
	s.send(wire.KindHello, 0, hello)
	s.warm()
	s.read()
}

// warm goes the way of a call without having one. Code and memory that are used
// for the first time come a page at a time, which takes longer than a short call;
// a worker that is started ahead has the time for it.
func (s *server) warm() {
	if !s.turn.TryLock() {
		return // there is one already, and what it is sent must be read
	}
	defer s.turn.Unlock()
	began := time.Now()
	c := s.begin(0, began, time.Minute)
	before := s.measure(began)
	b, err := codec.Encode(runtime.NumGoroutine())
	if err == nil {
		_ = codec.Decode(b, new(int))
	}
	c.stop()
	m := s.since(before, began)
	m.Processes = s.started.Left(false, false)
	s.meter = m.Append(s.meter[:0])
	s.end(c)
	conn, slot := wire.NewConn(nil, nil, 0), make([]byte, 1<<10) // s.conn may be about to read
	_, _, _ = conn.Take(slot[:conn.Put(slot, wire.KindDone, 0, s.meter, b)])
	s.usedAt = time.Time{} // what the first call uses counts from its own beginning
}

type server struct {
	program Program
	conn    *wire.Conn
	calls   chan wire.Frame
	peak    *peak
	started *proc.Offspring // processes that the functions start
	alive   *os.File        // open as long as the process lives

	turn   sync.Mutex // held by the call that runs: calls come to different goroutines
	used   wire.Meter // what the process had used at usedAt
	usedAt time.Time
	name   string // of the last call, and its function
	fn     Function
	meter  []byte // of the last reply, to be used again
	epoch  epoch
	page   *page         // nil: there is none
	paged  atomic.Uint32 // the word with which the page's call that runs was posted; 0: none
	latest uint64        // the last call that came over the page

	mu      sync.Mutex
	running uint64 // 0: none
	current *Running
}

// connect takes the worker's descriptors over. They must not leak into what
// the functions start: a child that held one would keep it open.
func (s *server) connect(secret uint64) {
	var files [fdEnd]*os.File
	for fd := fdRequests; fd < fdPage; fd++ {
		closeOnExec(fd)
		files[fd] = os.NewFile(uintptr(fd), "cutoff worker")
	}
	s.alive = files[fdAlive]
	dieWithParent(s.alive)
	// The goroutine is the second net where the kernel does not do it. It also
	// keeps the runtime from taking a function that blocks for ever for the
	// deadlock of the whole program: how that ends is the pool's to say.
	go s.answer(files[fdAsk], make([]byte, wire.StackBound))
	// Best effort: without it a dying runtime says its last words on standard
	// error only.
	_ = debug.SetCrashOutput(files[fdCrash], debug.CrashOptions{})
	files[fdCrash].Close()
	s.conn = wire.NewConn(bufio.NewReaderSize(files[fdRequests], 64<<10), files[fdReplies], secret)
}

// read takes requests until the pool closes the pipe.
func (s *server) read() {
	for {
		f, err := s.conn.Read()
		if err != nil {
			if errors.Is(err, wire.ErrGarbled) || s.busy() {
				os.Exit(ExitProtocol)
			}
			os.Exit(0)
		}
		switch f.Kind {
		case wire.KindCall:
			if wire.MayCancel(f.Payload) {
				s.calls <- f // and go on reading
			} else {
				s.call(f) // spares two switches between goroutines
			}
		case wire.KindCancel:
			s.mu.Lock()
			if f.Call == s.running {
				s.current.stop()
			}
			s.mu.Unlock()
		}
	}
}

func (s *server) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running != 0
}

// send writes a frame. A worker that cannot talk is of no use and must not go
// on unseen.
func (s *server) send(kind wire.Kind, call uint64, payload ...[]byte) {
	s.leavePage()
	if err := s.conn.Write(kind, call, payload...); err != nil {
		os.Exit(ExitProtocol)
	}
}

// execute runs the calls that may be canceled, one after the other. A call
// that panics or ends its goroutine is the worker's last.
func (s *server) execute() {
	for f := range s.calls {
		s.call(f)
	}
}

// call runs one call and sends its one reply.
func (s *server) call(f wire.Frame) {
	b, timeout, memory, in, err := wire.CutCallBytes(f.Payload)
	if err != nil {
		os.Exit(ExitProtocol)
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	if memory > 0 {
		defer collectBelow(memory)()
	}
	began := time.Now()
	fn := s.lookup(b)
	c := s.begin(f.Call, began, timeout)
	defer c.stop()
	before, goroutines := s.measure(began), runtime.NumGoroutine()
	s.tookUp(f.Call, began, before)
	if fn == nil {
		s.reply(wire.KindRefused, c, wire.Meter{}, wire.Refusal{Unknown: true, Message: string(b)})
		return
	}

	returned := false
	defer func() {
		if !returned { // a panic, or runtime.Goexit
			v := recover()
			p := wire.Panic{Exit: v == nil, Stack: string(debug.Stack())}
			if v != nil {
				p.Value = fmt.Sprint(v) // which survives a value whose own methods panic
			}
			m := s.since(before, began)
			m.Processes = s.started.Left(false, false)
			s.reply(wire.KindPanic, c, m, p)
			if p.Exit && s.paged.Load() == 0 && !wire.MayCancel(f.Payload) {
				go s.read() // this goroutine was the reader, and ends
			}
		}
	}()
	out, err := fn(c, in)
	returned = true

	c.stop() // so that goroutines which listen to it can end
	more := runtime.NumGoroutine() > goroutines
	m := s.since(before, began)
	m.Goroutines = leftBehind(goroutines)
	if more || m.Wall >= cloneTime || !s.hasNext() {
		m.Processes = s.started.Left(true, m.Goroutines == 0)
	}
	s.finish(c, m, out, err)
}

// cloneTime is less than it takes the kernel to clone a process: a function that
// was faster has started none, unless it has left that to a goroutine. To ask takes
// about as long as such a function.
const cloneTime = 2 * time.Microsecond

// begin makes a call the running one. It tells its deadline but keeps no timer:
// the pool does.
func (s *server) begin(id uint64, now time.Time, timeout time.Duration) *Running {
	c := &Running{server: s, id: id}
	if timeout > 0 {
		c.deadline = now.Add(timeout)
	}
	s.mu.Lock()
	s.running, s.current = id, c
	s.mu.Unlock()
	return c
}

// finish sends what the function returned.
func (s *server) finish(c *Running, m wire.Meter, out []byte, err error) {
	convert, refused := err.(*ConvertError) // the codec's own: never wrapped
	switch {
	case err == nil:
		s.end(c)
		s.deliver(wire.KindDone, c.id, m, out)
	case refused:
		s.reply(wire.KindRefused, c, m, wire.Refusal{
			Direction: convert.Direction, Type: convert.Type, Message: convert.Err.Error()})
	default:
		s.reply(wire.KindError, c, m, s.describe(err))
	}
}

func (s *server) reply(kind wire.Kind, c *Running, m wire.Meter, body any) {
	b, err := codec.Encode(body)
	if err != nil {
		panic(err) // our own types; recovered by nobody, so it is seen
	}
	s.end(c)
	s.deliver(kind, c.id, m, b)
}

// end makes sure that nothing of the call is sent behind its reply.
func (s *server) end(c *Running) {
	s.mu.Lock()
	s.running = 0
	s.mu.Unlock()
}

// describe says of an error what can travel.
func (s *server) describe(err error) wire.Error {
	chain := unwrapAll(nil, err)
	e := wire.Error{Sentinels: s.program.Sentinels(chain)}
	for _, err := range chain {
		e.Chain = append(e.Chain, wire.Link{Type: reflect.TypeOf(err).String(), Message: err.Error()})
	}
	return e
}

// chainBound keeps an error that wraps itself from going on for ever, as it
// does in errors.Is.
const chainBound = 100

// unwrapAll appends err and what it wraps, depth first.
func unwrapAll(chain []error, err error) []error {
	if err == nil || len(chain) == chainBound {
		return chain
	}
	chain = append(chain, err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return unwrapAll(chain, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, w := range e.Unwrap() {
			chain = unwrapAll(chain, w)
		}
	}
	return chain
}

// leftBehind counts the goroutines beyond those that were there before. Most
// end at once when the call's context does.
func leftBehind(before int) int {
	return proc.Settle(func() int { return max(0, runtime.NumGoroutine()-before) })
}

func (s *server) since(before wire.Meter, began time.Time) wire.Meter {
	wall := time.Since(began)
	now := s.measure(began.Add(wall))
	now.Wall = wall
	now.User -= before.User
	now.System -= before.System
	return now
}

type runningKey struct{}

// Running is a call as its own function sees it. It is the function's context
// as well, which tells a deadline that somebody else keeps.
type Running struct {
	server   *server
	id       uint64
	deadline time.Time // zero: none

	mu     sync.Mutex
	over   bool
	base   context.Context // that is canceled with the call: made when somebody asks, which few functions do
	cancel context.CancelFunc
}

// Deadline implements context.Context.
func (c *Running) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done implements context.Context.
func (c *Running) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base == nil {
		c.base, c.cancel = context.WithCancel(context.Background())
		if c.over {
			c.cancel()
		}
	}
	return c.base.Done()
}

// Err implements context.Context.
func (c *Running) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return context.Canceled
	}
	return nil
}

// Value implements context.Context.
func (c *Running) Value(key any) any {
	if key == (runningKey{}) {
		return c
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base == nil {
		return nil
	}
	return c.base.Value(key) // so that contexts derived from it need no goroutine
}

// stop cancels the call's context.
func (c *Running) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.cancel != nil {
		c.cancel()
	}
}

// FromContext returns the call that ctx belongs to, or nil outside of a worker.
func FromContext(ctx context.Context) *Running {
	c, _ := ctx.Value(runningKey{}).(*Running)
	return c
}

// Beat sends a sign of life.
func (c *Running) Beat(progress float64) { c.sendWhileRunning(wire.KindBeat, wire.Beat(progress)) }

// Report sends the best result so far, already encoded.
func (c *Running) Report(best []byte) { c.sendWhileRunning(wire.KindReport, best) }

func (c *Running) sendWhileRunning(kind wire.Kind, payload []byte) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == c.id {
		s.send(kind, c.id, payload)
	}
}
