//go:build unix

package cli

import (
	"sync"

	"golang.org/x/sys/unix"
)

// keyboard hears single keys from the terminal that the program was started
// at, while it is the program's. The zero keyboard hears none.
type keyboard struct {
	pressed chan byte
	tty     int
	quit    [2]int // a pipe; its end ends listen
	gone    chan struct{}

	mu    sync.Mutex
	usual *unix.Termios // the terminal's modes before ours; nil: they are not ours
}

// openKeyboard listens at the controlling terminal, if there is one.
func openKeyboard() *keyboard {
	k := &keyboard{tty: openTerminal(), pressed: make(chan byte, 1), gone: make(chan struct{})}
	if k.tty < 0 {
		return new(keyboard)
	}
	if err := unix.Pipe(k.quit[:]); err != nil {
		_ = unix.Close(k.tty)
		return new(keyboard)
	}
	unix.CloseOnExec(k.quit[0])
	unix.CloseOnExec(k.quit[1])
	k.take()
	go k.listen()
	return k
}

// take sets the terminal to give each key at once and show none. Ctrl-C and
// the like stay signals. In the background the terminal is left alone: the
// kernel would stop us.
func (k *keyboard) take() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pressed == nil || k.usual != nil || !k.foreground() {
		return
	}
	usual, err := unix.IoctlGetTermios(k.tty, getTermios)
	if err != nil {
		return
	}
	ours := *usual
	ours.Lflag &^= unix.ICANON | unix.ECHO
	ours.Cc[unix.VMIN], ours.Cc[unix.VTIME] = 1, 0
	if unix.IoctlSetTermios(k.tty, setTermios, &ours) == nil {
		k.usual = usual
	}
}

// giveBack sets the terminal to what it was.
func (k *keyboard) giveBack() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.usual != nil && k.foreground() {
		_ = unix.IoctlSetTermios(k.tty, setTermios, k.usual) // it is gone, then
	}
	k.usual = nil
}

// ours reports whether the terminal is set to give us keys.
func (k *keyboard) ours() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.usual != nil && k.foreground()
}

func (k *keyboard) foreground() bool { return (&jobControl{tty: k.tty}).foreground() }

// awayNap is how long what is typed for somebody else is not looked at, ms.
const awayNap = 500

// listen reads keys until close. It never reads what is not typed for us: in
// the background the kernel would stop the program for that.
func (k *keyboard) listen() {
	defer close(k.gone)
	for {
		fds := []unix.PollFd{{Fd: int32(k.quit[0])}, {Fd: int32(k.tty), Events: unix.POLLIN}}
		wait := -1
		if !k.ours() {
			fds, wait = fds[:1], awayNap
		}
		if _, err := unix.Poll(fds, wait); err != nil && err != unix.EINTR || fds[0].Revents != 0 {
			return
		}
		if len(fds) < 2 || fds[1].Revents == 0 || !k.ours() {
			continue
		}
		var b [1]byte
		if n, err := unix.Read(k.tty, b[:]); n <= 0 && err != unix.EINTR {
			return // the terminal is gone
		} else if n == 1 {
			select {
			case k.pressed <- b[0]:
			default: // it is busy with the last one
			}
		}
	}
}

// close gives the terminal back.
func (k *keyboard) close() {
	if k.pressed == nil {
		return
	}
	k.giveBack()
	_ = unix.Close(k.quit[1])
	<-k.gone
	_ = unix.Close(k.quit[0])
	_ = unix.Close(k.tty)
}
