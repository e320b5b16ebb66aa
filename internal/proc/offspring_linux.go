package proc

// This file runs in the workers of a pool only.

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Offspring tells a process what its own code has started and left running.
// It makes the process a child subreaper: whatever is started below it and
// loses its parent, double-forked daemons included, becomes its child. So "no
// child" means "no descendant", and that is one system call to ask.
type Offspring struct {
	known map[int]uint64 // children that were told of before: pid and start time
}

// NewOffspring starts to count. The process must do it before it runs the code
// in question.
func NewOffspring() *Offspring {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // without it daemons are found at the end of the tree
	return &Offspring{known: map[int]uint64{}}
}

// Left counts the descendants that still run, after they had the chance to
// settle if they are given it, and that no earlier Left has counted. If nobody
// in this process waits for children any more, it reaps those that have ended
// meanwhile.
func (o *Offspring) Left(settle, reap bool) int {
	if _, childless := deadChild(); childless {
		clear(o.known)
		return 0
	}
	var fresh []stat
	look := func() int {
		fresh = o.fresh(reap)
		return len(fresh)
	}
	if settle {
		Settle(look)
	} else {
		look()
	}
	for _, p := range fresh {
		o.known[p.pid] = p.start
	}
	if len(fresh) == 0 {
		return 0
	}
	return living(closure(processes(), fresh))
}

// fresh lists the living children that have not been told of. This program's
// keeper is nobody's leftover.
func (o *Offspring) fresh(reap bool) (list []stat) {
	kids := childrenOf(os.Getpid())
	pid := keeper.processID() // after the list: a new one is not in it
	for _, kid := range kids {
		st, ok := readStat(kid)
		switch {
		case !ok, kid == pid, o.known[kid] == st.start:
		case !st.dead():
			list = append(list, st)
		case reap:
			_, _ = syscall.Wait4(kid, nil, unix.WNOHANG, nil)
		}
	}
	return list
}
