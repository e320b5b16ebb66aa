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
		s.page.next()
		f, err := s.conn.Take(s.page.request)
		if err != nil || f.Kind != wire.KindCall {
			os.Exit(ExitProtocol)
		}
		s.paged.Store(s.page.number)
		s.call(f)
		s.paged.Store(0)
	}
}

// tookUp tells that the call was taken up.
func (s *server) tookUp(call uint64, before wire.Meter) {
	if s.paged.Load() != 0 {
		e := s.epoch
		if !s.page.take(e.mono+int64(time.Since(e.at)), before) {
			return
		}
	}
	s.send(wire.KindStarted, call, before.Append(nil))
}

// deliver sends the call's one reply, on the way that the call has taken.
func (s *server) deliver(kind wire.Kind, call uint64, m wire.Meter, body []byte) {
	s.meter = m.Append(s.meter[:0])
	if s.paged.Load() == 0 || !s.page.answer(s.conn, kind, call, s.meter, body) {
		s.send(kind, call, s.meter, body)
	}
}

// nameOf is string(b), mostly without an allocation: calls of one function
// come in rows.
func (s *server) nameOf(b []byte) string {
	if s.name != string(b) {
		s.name = string(b)
	}
	return s.name
}

// leavePage turns a call over to the pipes: what is sent there next must not
// be overtaken by a reply at the page.
func (s *server) leavePage() {
	if n := s.paged.Load(); n != 0 {
		s.page.turnFrom(n, left)
	}
}

// usedFresh is how long the last call's measure counts as the next one's.
const usedFresh = time.Millisecond

// usedBefore is what the process has used until now. Measuring it is a system
// call, which calls in a row do without.
func (s *server) usedBefore() wire.Meter {
	if time.Since(s.usedAt) > usedFresh {
		s.used = usage(s.peak)
	}
	return s.used
}
