package worker

// This file runs in the program that owns the pool.

import (
	"errors"
	"os"
)

var errNoPage = errors.New("the worker cannot map the memory that it shares with the pool")

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

// closePage gives the page up. No call may be under way.
func (w *Worker) closePage() {
	if w.page != nil {
		w.page.unmap()
		w.page = nil
	}
}
