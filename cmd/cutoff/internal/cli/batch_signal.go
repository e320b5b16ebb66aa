package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted is why a batch stops at Ctrl-C or SIGTERM.
var errInterrupted = errors.New("interrupted")

// interruptible returns a context that ends at the first SIGINT, SIGTERM or
// SIGHUP; the second one ends the program at once. Signals that were ignored
// when the program was started stay so. SIGPIPE is caught, so that a write to
// a closed pipe is an error that ends the batch in order.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 1)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(caught, sig)
		}
	}
	pipe := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGPIPE) {
		signal.Notify(pipe, syscall.SIGPIPE)
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-caught:
			signal.Stop(caught)
			cancel(errInterrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		close(done)
		signal.Stop(caught)
		signal.Stop(pipe)
		cancel(nil)
	}
}
