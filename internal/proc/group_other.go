//go:build !linux

package proc

import "syscall"

// SignalLeader sends sig to the leader alone. A leader that has ended is no
// error.
func (t *Tree) SignalLeader(sig syscall.Signal) error {
	return t.unreaped(func() error { return signalProcess(t.pid, sig) })
}

// SignalGroup sends sig to the leader and to what is in its process group, of
// the tree. A leader that has ended is no error.
func (t *Tree) SignalGroup(sig syscall.Signal) error { return t.hold.signal(t, sig) }
