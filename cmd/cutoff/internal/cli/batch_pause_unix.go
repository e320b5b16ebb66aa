//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/cutoff-run/cutoff/batch"
)

// pausable makes the tasks of a batch stop and go on with the program: at
// SIGTSTP, which Ctrl-Z sends, and SIGCONT. They would not by themselves: they
// have process groups of their own.
func pausable(p *batch.Pauser) (release func()) {
	if signal.Ignored(syscall.SIGTSTP) {
		return func() {}
	}
	stop, cont := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTSTP)
	signal.Notify(cont, syscall.SIGCONT)
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-stop:
			case <-cont: // nobody was stopped
				continue
			case <-done:
				return
			}
			_ = p.Pause() // what cannot be paused goes on
			suspendSelf()
			select {
			case <-cont:
			case <-done:
			}
			_ = p.Continue()
		}
	}()
	return func() {
		signal.Stop(stop)
		signal.Stop(cont)
		close(done)
		<-gone
	}
}
