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
// Calls that are very short come in rows, whose requests, and then replies, lie
// one behind the other. The word is about one of them at a time: from posted the
// worker also turns it into posted of the next one in the row. So the calls
// before the one that the word is about have their replies, and those behind it
// have not begun.
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
	keep           int    // how much of an area may keep its memory between calls
	number         uint32 // of the last call, as each end counts for itself
	spin           spinner
	at             [2]int // how much of the slot for requests, for replies this end has used in this row

	// The pool's.
	laid uint32 // how many requests of the next row, or the last, are in the slot

	// The worker's.
	last uint32   // number of the last call of the row
	more bool     // the word was turned to the next call of the row
	pipe openFile // where its replies go otherwise
}

// header is the head of the memory. Each part has a cache line of its own.
type header struct {
	secret uint64 // the pool's, written once: the page is really this one
	spin   int64  // the pool's, written once: how long to look at the word before a sleep, ns
	areas  uint64 // the pool's, written once: 1 if there are areas behind the slots
	_      [40]byte

	word atomic.Uint32 // see above; both ends sleep on it
	row  uint32        // the pool's, written before the word: how many calls are in the row
	_    [56]byte

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
	areaKeep   = 64 << 20
)

const (
	posted = iota + 1
	done
	left
	phases = 4
)

func turn(number uint32, phase uint32) uint32 { return number*phases + phase }

// after is the number of the nth call after this one.
func after(number, n uint32) uint32 { return (number + n) % numbers }

// between is how many calls after the first the second is.
func between(first, second uint32) uint32 { return (second - first) % numbers }

const numbers = 1 << 30

// newPage lays a page over mem, which is pageSize bytes long.
func newPage(mem []byte) *page {
	return &page{
		header:  (*header)(unsafe.Pointer(&mem[0])),
		request: mem[headerSize : headerSize+slotSize : headerSize+slotSize],
		reply:   mem[headerSize+slotSize : pageSize : pageSize],
		mem:     mem,
		keep:    areaKeep,
	}
}

// The pool's end.

// lay puts one more request into the row that is to be posted. It reports false
// if there is no room for it.
func (p *page) lay(c *wire.Conn, call uint64, payload ...[]byte) bool {
	if p.laid == 0 {
		p.at = [2]int{}
	}
	n := c.Put(p.request[p.at[0]:], wire.KindCall, call, payload...)
	if n == 0 {
		return false
	}
	p.at[0] += n
	p.laid++
	return true
}

// post hands the row over that was laid down.
func (p *page) post() {
	p.header.row = p.laid
	p.word.Store(turn(after(p.number, 1), posted))
	if p.workerSleeps.Load() != 0 {
		wakePage(&p.word)
	}
}

// await waits until the worker is done with the row or has left the page, at
// most d. It may return early.
func (p *page) await(d time.Duration) {
	turned, looked := p.spin.until(func() bool { return p.word.Load()%phases != posted }, d)
	if turned || looked >= d {
		return
	}
	p.callerSleeps.Store(1)
	for range p.laid + 1 { // the word moves no more often, unless a function moves it
		if w := p.word.Load(); w%phases != posted || sleepPage(&p.word, w, d-looked) {
			break
		}
	}
	p.callerSleeps.Store(0)
}

// close ends the row's part at the page, whatever came of it. The first ones of
// its calls have replied; then there may be one that is under way, which left
// the page: begun says that the worker has taken it up and what it wrote down
// then is there; if it has not, KindStarted comes over the pipe. It reports ok
// as false if what the page says makes no sense.
func (p *page) close() (replies int, under, begun, ok bool) {
	first, laid := after(p.number, 1), p.laid
	p.laid = 0
	number, phase := p.endPhase(laid)
	ended := between(first, number)
	if phase != done && phase != left || ended >= laid {
		return 0, false, false, false
	}
	t := p.taken.Load()
	begun = t == number
	if !begun && (phase == done || t != after(number, numbers-1)) { // it has taken up the one before at least
		return 0, false, false, false
	}
	p.number = number
	if phase == done {
		return int(ended) + 1, false, false, true
	}
	return int(ended), true, begun, true
}

// endPhase is the word, which nobody turns any more. Of a row it moves at most so
// often.
func (p *page) endPhase(laid uint32) (number, phase uint32) {
	w := p.word.Load()
	for range laid + 1 {
		if w%phases != posted {
			break
		}
		if p.word.CompareAndSwap(w, w-posted+left) {
			// It may have slept through the request, if what it says of its sleep
			// is wrong.
			wakePage(&p.word)
			return w / phases, left
		}
		w = p.word.Load()
	}
	return w / phases, w % phases
}

// takeReply copies the next reply of the row.
func (p *page) takeReply(c *wire.Conn) (wire.Frame, error) {
	f, n, err := c.Take(p.reply[p.at[1]:])
	p.at[1] += n
	return f, err
}

// trim gives memory back that a large request or reply has taken in its area.
// Some of it is kept, since to take it anew costs more than to copy. Neither end
// may use the areas.
func (p *page) trim(request, reply int) {
	if p == nil || p.lent == nil {
		return
	}
	for i, used := range [...]int{request, reply} {
		// What surrounds the value in its frame is less than a page.
		if area := p.areas[i]; used > p.keep {
			giveBack(area[p.keep:min(used+headerSize, len(area))])
		}
	}
}

// account returns what the worker wrote down when it took the call up.
func (p *page) account() (began int64, before wire.Meter) {
	b := p.before
	before, _, _ = wire.CutMeter(b[:]) // it is long enough
	return p.began, before
}

// The worker's end.

// next waits for the next row. It reports false if the word was turned by
// somebody else than the pool: what lies in the slot may be the last calls',
// which must not run again.
func (p *page) next() bool {
	there := func() bool { return p.word.Load()/phases != p.number }
	for !there() {
		if turned, _ := p.spin.until(there, p.spin.limit); turned {
			break
		}
		p.workerSleeps.Store(1)
		if w := p.word.Load(); w/phases == p.number {
			sleepPage(&p.word, w, forever)
		}
		p.workerSleeps.Store(0)
	}
	p.at = [2]int{}
	p.number, p.last = after(p.number, 1), after(p.number, p.header.row)
	w := p.word.Load()
	return w == turn(p.number, posted) || w == turn(p.number, left)
}

// takeRequest copies the next request of the row.
func (p *page) takeRequest(c *wire.Conn) (wire.Frame, error) {
	f, n, err := c.Take(p.request[p.at[0]:])
	p.at[0] += n
	p.more = false
	return f, err
}

// take notes that the call was taken up, and reports whether the pool has left
// the page and may not have seen that.
func (p *page) take(began int64, before wire.Meter) (unseen bool) {
	p.began = began
	before.Append(p.before[:0])
	p.taken.Store(p.number)
	return p.word.Load() != turn(p.number, posted)
}

// answer lays the reply down, and turns to the next call of the row, if there is
// one and goOn says so. It reports false if the reply does not fit or the word is
// left: then it must go over the pipe.
func (p *page) answer(c *wire.Conn, goOn bool, kind wire.Kind, call uint64, payload ...[]byte) bool {
	if p.word.Load() != turn(p.number, posted) {
		return false
	}
	n := c.Put(p.reply[p.at[1]:], kind, call, payload...)
	if n == 0 {
		return false
	}
	p.at[1] += n
	if !goOn || p.number == p.last || n == wire.HeadSize { // what lies in the area must be read before the next
		return p.turnFrom(p.number, done)
	}
	next := after(p.number, 1)
	if !p.word.CompareAndSwap(turn(p.number, posted), turn(next, posted)) {
		return false
	}
	p.number, p.more = next, true
	return true
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

// until looks for at most d, and reports whether there became true and, if not,
// how long it has looked.
func (s *spinner) until(there func() bool, d time.Duration) (became bool, looked time.Duration) {
	if s.limit <= 0 {
		return false, 0
	}
	if s.rest > 0 {
		s.rest--
		return false, 0
	}
	for begun := time.Now(); looked < min(s.limit, d); looked = time.Since(begun) {
		for range spinBurst {
			if there() {
				s.misses = 0
				return true, 0
			}
		}
	}
	if s.misses++; s.misses == spinTrust {
		s.misses, s.rest = 0, spinRest
	}
	return false, looked
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
