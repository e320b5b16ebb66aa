package worker

// This file runs in the worker process only.

import (
	"encoding/binary"
	"io"
	"os"
	"runtime"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// answer tells the pool where the running call is whenever it asks, and ends
// the process when the pool is gone. It has a pipe and, while it waits, a
// thread to itself: whatever the function does, it holds none of them. It
// stops the world for the time that it takes to print, so it gets no answer
// out of a worker whose function has no point where the runtime could preempt
// it; what the pool does then is its affair.
//
// buf is there from the start: a worker that is at the end of its memory can
// still tell where it is.
func (s *server) answer(ask *os.File, buf []byte) {
	var call [8]byte
	for {
		if _, err := io.ReadFull(ask, call[:]); err != nil {
			os.Exit(ExitProtocol)
		}
		id := binary.LittleEndian.Uint64(call[:])
		if s.isRunning(id) {
			n := runtime.Stack(buf, true)
			s.send(wire.KindStack, id, buf[:n])
		}
	}
}

// isRunning reports whether the call runs.
func (s *server) isRunning(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running == id
}
