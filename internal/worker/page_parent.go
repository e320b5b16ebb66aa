package worker

// This file runs in the program that owns the pool.

import (
	"os"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// openPage makes the worker's page and returns the file that the worker maps
// it from. Where there is none, all goes over the pipes.
func (w *Worker) openPage(cfg Config, secret uint64) *os.File {
	p, f, err := makePage()
	if err != nil {
		return nil
	}
	p.mark(secret, cfg.Spin)
	w.page, w.epoch = p, newEpoch()
	return f
}

// hasPage reports whether a hello says that the worker has mapped the page.
func hasPage(hello wire.Frame) bool { return len(hello.Payload) > 1 && hello.Payload[1] != 0 }

// HasPage reports whether calls may go over a page, so that Begin takes several.
func (w *Worker) HasPage() bool { return w.page != nil }

// closePage gives the page up. No call may be under way.
func (w *Worker) closePage() {
	if w.page != nil {
		w.page.unmap()
		w.page = nil
	}
}
