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

// interruptible makes a batch heed signals. The first SIGINT or SIGTERM comes
// out of stop: nothing further is to start. The second one ends the context,
// and so what runs; the third one ends the program at once. SIGHUP is as good
// as two of them: nobody is there any more to send another. Signals that were
// ignored when the program was started stay so. SIGPIPE is caught, so that a
// write to a closed pipe is an error that ends the batch in order.
func interruptible(parent context.Context) (ctx context.Context, stop <-chan error, release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 2)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(caught, sig)
		}
	}
	pipe := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGPIPE) {
		signal.Notify(pipe, syscall.SIGPIPE)
	}
	gently := make(chan error, 1)
	done := make(chan struct{})
	hear := func() (sig os.Signal, ok bool) {
		select {
		case sig = <-caught:
			return sig, true
		case <-done:
			return nil, false
		}
	}
	go func() {
		sig, ok := hear()
		if ok && sig != syscall.SIGHUP {
			gently <- errInterrupted
			_, ok = hear()
		}
		if ok {
			signal.Stop(caught)
			cancel(errInterrupted)
		}
	}()
	return ctx, gently, func() {
		close(done)
		signal.Stop(caught)
		signal.Stop(pipe)
		cancel(nil)
	}
}
