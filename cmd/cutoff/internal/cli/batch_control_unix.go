//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

// control lets the user stop a batch for a while, at SIGTSTP, which Ctrl-Z
// sends, and SIGCONT: the tasks would not stop and go on by themselves, they
// have process groups of their own. And it shows what runs, at SIGUSR1 and the
// key s. view may be nil.
func control(c *batch.Commands, view *progress.View) (release func()) {
	stop, cont, show := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(stop, syscall.SIGTSTP)
		signal.Notify(cont, syscall.SIGCONT)
	}
	if !signal.Ignored(syscall.SIGUSR1) {
		signal.Notify(show, syscall.SIGUSR1)
	}
	keys := new(keyboard)
	if view != nil && view.IsLive() {
		keys = openKeyboard()
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case <-stop:
				pause(c, view, keys, cont, done)
			case <-cont: // nobody was stopped; the terminal may be ours again
				keys.take()
			case <-show:
				showStates(c, view)
			case key := <-keys.pressed:
				if key == 's' {
					showStates(c, view)
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(stop)
		signal.Stop(cont)
		signal.Stop(show)
		close(done)
		<-gone
		keys.close()
	}
}

// pause stops the tasks and the program, until it is continued.
func pause(c *batch.Commands, view *progress.View, keys *keyboard, cont <-chan os.Signal, done <-chan struct{}) {
	_ = c.Pause() // what cannot be paused goes on
	if view != nil {
		view.Hide()
		defer view.Show()
	}
	keys.giveBack()
	suspendSelf()
	select {
	case <-cont:
	case <-done:
	}
	keys.take()
	_ = c.Continue()
}
