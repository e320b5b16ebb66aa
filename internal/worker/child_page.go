package worker

// This file runs in the worker process only.

import (
	"os"
	"time"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// servePage runs the calls that come over the page, one after the other. It
// has a thread to itself while it waits. Calls that come over the pipe are run
// elsewhere; there is never one at the same time.
func (s *server) servePage() {
	for {
		if !s.page.next() {
			os.Exit(ExitProtocol)
		}
		s.serveCall()
		for s.page.more {
			s.serveCall()
		}
	}
}

// serveCall runs the next call of the row. What lies behind the row is older.
func (s *server) serveCall() {
	f, err := s.page.takeRequest(s.conn)
	if err != nil || f.Kind != wire.KindCall || f.Call <= s.latest {
		os.Exit(ExitProtocol)
	}
	s.latest = f.Call
	s.paged.Store(turn(s.page.number, posted))
	s.call(f)
	s.paged.Store(0)
}

// hasNext reports whether another call comes behind this one in its row.
func (s *server) hasNext() bool { return s.paged.Load() != 0 && s.page.number != s.page.last }

// tookUp tells that the call was taken up.
func (s *server) tookUp(call uint64, at time.Time, before wire.Meter) {
	if s.paged.Load() != 0 {
		e := s.epoch
		if !s.page.take(e.mono+int64(at.Sub(e.at)), before) {
			return
		}
	}
	s.send(wire.KindStarted, call, before.Append(nil))
}

// deliver sends the call's one reply, on the way that the call has taken.
func (s *server) deliver(kind wire.Kind, call uint64, m wire.Meter, body []byte) {
	if s.paged.Load() != 0 && !s.page.pipe.isOpen() {
		os.Exit(ExitProtocol) // as it would when it wrote there: the next call must not suffer for it
	}
	s.meter = m.Append(s.meter[:0])
	goOn := kind != wire.KindPanic && m.Goroutines == 0 && m.Processes == 0 // else the worker is to be replaced
	if s.paged.Load() == 0 || !s.page.answer(s.conn, goOn, kind, call, s.meter, body) {
		s.send(kind, call, s.meter, body)
	}
}

// lookup finds a function; nil, if there is none. Mostly it is the last call's.
func (s *server) lookup(name []byte) Function {
	if s.name != string(name) {
		s.name = string(name)
		s.fn, _ = s.program.Lookup(s.name)
	}
	return s.fn
}

// leavePage turns a call over to the pipes: what is sent there next must not
// be overtaken by a reply at the page.
func (s *server) leavePage() {
	if w := s.paged.Load(); w != 0 {
		s.page.turnFrom(w/phases, left)
	}
}

// usedFresh is how long a measure of what the process has used is taken for the
// present one.
const usedFresh = time.Millisecond

// measure returns what the process has used until now. It is a system call
// that takes longer than a short call of a function: those that follow each
// other within usedFresh are measured together, and the time counts as that of
// the last.
func (s *server) measure(now time.Time) wire.Meter {
	if now.Sub(s.usedAt) >= usedFresh {
		s.used, s.usedAt = usage(s.peak), now
	}
	return s.used
}
