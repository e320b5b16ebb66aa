//go:build !linux

package proc

import "syscall"

// SignalLeader sends sig to the leader alone. A leader that has ended is no
// error.
func (t *Tree) SignalLeader(sig syscall.Signal) error {
	return t.unreaped(func() error { return signalProcess(t.pid, sig) })
}

// SignalGroup is for a tree that was started with Foreground. It sends sig to
// the leader and to what else of the tree can be told from the caller's own. A
// leader that has ended is no error. The error says that the signal reached
// nobody.
func (t *Tree) SignalGroup(sig syscall.Signal) error { return t.hold.signal(t, sig) }

// isZombie cannot look without reaping here: the watch will.
func isZombie(int) bool { return false }
