package worker

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// A page is memory that the pool shares with one worker and with nobody else.
// A call that is short and small goes over it: the request lies in one slot,
// the reply in the other, each a frame as it would be on the pipes. What does
// not fit, and every call that takes longer, goes over the pipes. The design
// stands in docs/design/2026-11-22-shared-page.md; the rules are these.
//
// The word says who is to act. Its upper bits number the page's calls, its
// lower two are the phase:
//
//	posted  the request is there, and the caller waits at the page
//	done    the reply is there
//	left    whatever is still said of the call is said over the pipes
//
// The pool sets posted. Either end may turn posted into left, and the worker
// into done, by compare-and-swap: so a call has one reply, on one of the two
// ways, and both ends know on which. A worker that is killed while it writes
// its reply has not turned the word.
//
// The worker may write anything at any time. So the pool copies before it
// looks, checks whatever it reads, sleeps for a bounded time only, and takes
// what it cannot understand for the worker's crash.
type page struct {
	*header
	request, reply []byte
	areas          [2]wire.Area // for large requests, for large replies; empty where there is no room for them
	lent           []byte       // their memory
	mem            []byte
	number         uint32 // of the last call, as each end counts for itself
	served         uint32 // the pool's: the last call that ended, or is sure to have been taken up
	spin           spinner
	pipe           openFile // the worker's: where its replies go otherwise
}

// header is the head of the memory. Each part has a cache line of its own.
type header struct {
	secret uint64 // the pool's, written once: the page is really this one
	spin   int64  // the pool's, written once: how long to look at the word before a sleep, ns
	areas  uint64 // the pool's, written once: 1 if there are areas behind the slots
	_      [40]byte

	word atomic.Uint32 // see above; both ends sleep on it
	_    [60]byte

	callerSleeps atomic.Uint32 // the caller wants to be woken
	_            [60]byte

	workerSleeps atomic.Uint32 // the worker wants to be woken
	_            [60]byte

	// The worker's account of the call that it has taken up. taken is written
	// last: what stands before it is complete when it has the call's number.
	began  int64 // CLOCK_MONOTONIC, ns
	before [wire.MeterSize]byte
	taken  atomic.Uint32
}

const (
	headerSize = 4096
	slotSize   = 64 << 10
	pageSize   = headerSize + 2*slotSize
	areaSize   = wire.MaxPayload
)

const (
	posted = iota + 1
	done
	left
	phases = 4
)

func turn(number uint32, phase uint32) uint32 { return number*phases + phase }

// newPage lays a page over mem, which is pageSize bytes long.
func newPage(mem []byte) *page {
	return &page{
		header:  (*header)(unsafe.Pointer(&mem[0])),
		request: mem[headerSize : headerSize+slotSize : headerSize+slotSize],
		reply:   mem[headerSize+slotSize : pageSize : pageSize],
		mem:     mem,
	}
}

// The pool's end.

// post lays a request down and wakes the worker. It reports false if the
// request does not fit.
func (p *page) post(c *wire.Conn, call uint64, payload ...[]byte) bool {
	if !c.Put(p.request, wire.KindCall, call, payload...) {
		return false
	}
	p.number = (p.number + 1) % (1 << 30)
	p.word.Store(turn(p.number, posted))
	if p.workerSleeps.Load() != 0 {
		wakePage(&p.word)
	}
	return true
}

// await waits until the worker has turned the word, at most d. It may return
// early.
func (p *page) await(d time.Duration) {
	now := turn(p.number, posted)
	if p.spin.until(func() bool { return p.word.Load() != now }) {
		return
	}
	p.callerSleeps.Store(1)
	if p.word.Load() == now {
		sleepPage(&p.word, now, d)
	}
	p.callerSleeps.Store(0)
}

// close ends the call's part at the page, whatever came of it: done if the
// reply is there, left if the rest comes over the pipes, 0 if what the page
// says makes no sense. begun says that the worker has taken the call up and
// what it wrote down then is there; if it has not and the page is left,
// KindStarted comes over the pipe.
func (p *page) close() (phase uint32, begun bool) {
	phase = p.endPhase()
	t := p.taken.Load()
	begun = t == p.number
	if !begun && (phase == done || t != p.served) {
		return 0, false
	}
	p.served = p.number
	return phase, begun
}

// endPhase is the word's phase, which nobody turns any more.
func (p *page) endPhase() uint32 {
	if p.word.CompareAndSwap(turn(p.number, posted), turn(p.number, left)) {
		// It may have slept through the request, if what it says of its sleep
		// is wrong.
		wakePage(&p.word)
		return left
	}
	switch w := p.word.Load(); w {
	case turn(p.number, done), turn(p.number, left):
		return w % phases
	}
	return 0
}

// account returns what the worker wrote down when it took the call up.
func (p *page) account() (began int64, before wire.Meter) {
	b := p.before
	before, _, _ = wire.CutMeter(b[:]) // it is long enough
	return p.began, before
}

// The worker's end.

// next waits for the next request.
func (p *page) next() {
	there := func() bool { return p.word.Load()/phases != p.number }
	for !there() && !p.spin.until(there) {
		p.workerSleeps.Store(1)
		if w := p.word.Load(); w/phases == p.number {
			sleepPage(&p.word, w, forever)
		}
		p.workerSleeps.Store(0)
	}
	p.number = p.word.Load() / phases
}

// take notes that the call was taken up, and reports whether the pool has left
// the page and may not have seen that.
func (p *page) take(began int64, before wire.Meter) (unseen bool) {
	p.began = began
	before.Append(p.before[:0])
	p.taken.Store(p.number)
	return p.word.Load() != turn(p.number, posted)
}

// answer lays the reply down. It reports false if it does not fit or the word
// is left: then it must go over the pipe.
func (p *page) answer(c *wire.Conn, kind wire.Kind, call uint64, payload ...[]byte) bool {
	return p.word.Load() == turn(p.number, posted) && c.Put(p.reply, kind, call, payload...) && p.turnFrom(p.number, done)
}

// turnFrom turns the word of a call from posted into phase and wakes the
// caller. It reports false if the word was turned before.
func (p *page) turnFrom(number, phase uint32) bool {
	if !p.word.CompareAndSwap(turn(number, posted), turn(number, phase)) {
		return false
	}
	if p.callerSleeps.Load() != 0 {
		wakePage(&p.word)
	}
	return true
}

// spinner looks at a word for a while before its owner goes to sleep. Where
// that does no good, since the other end does not run meanwhile, it gives it up
// for some time.
type spinner struct {
	limit  time.Duration
	misses int // in a row
	rest   int // sleeps to come without a look
}

const (
	spinBurst = 64 // looks between two looks at the clock
	spinTrust = 4  // misses in a row after which it rests
	spinRest  = 100
)

// until reports whether there became true.
func (s *spinner) until(there func() bool) bool {
	if s.limit <= 0 {
		return false
	}
	if s.rest > 0 {
		s.rest--
		return false
	}
	for begun := time.Now(); ; {
		for range spinBurst {
			if there() {
				s.misses = 0
				return true
			}
		}
		if time.Since(begun) > s.limit {
			break
		}
	}
	if s.misses++; s.misses == spinTrust {
		s.misses, s.rest = 0, spinRest
	}
	return false
}

// mark and marked write and check whose page this is.
func (p *page) mark(secret uint64, spin time.Duration) {
	p.header.secret, p.header.spin = secret, int64(spin)
	p.spin.limit = spin
}

func (p *page) marked(secret uint64) bool {
	p.spin.limit = time.Duration(p.header.spin)
	return p.header.secret == secret
}
