//go:build !linux

package proc

import "syscall"

// Stopped is not known here.
func (t *Tree) Stopped() bool { return false }

// SignalBusiest sends sig to the leader: which of its threads gets it is the
// system's choice, and a system without such signals returns an error.
func (t *Tree) SignalBusiest(sig syscall.Signal) error { return t.SignalLeader(sig) }
