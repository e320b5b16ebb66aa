package proc

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Members of a tree that are children of this program, and not its leader. A
// subreaper and the init process of a container adopt orphans; and a leader may
// give its parent a child (CLONE_PARENT). Nobody else can reap them.

// reapAdopted reaps those children that ours names and that are dead, and
// returns how many are not dead yet. The one with the pid leader is left to its
// watch.
func reapAdopted(leader int, ours func(stat) bool) (alive int) {
	for _, pid := range childrenOf(os.Getpid()) {
		st, ok := readStat(pid)
		switch {
		case !ok || pid == leader || !ours(st):
		case st.dead():
			_, _ = syscall.Wait4(pid, nil, unix.WNOHANG, nil)
		default:
			alive++
		}
	}
	return alive
}

// anyDead reports whether a child of this program, whoever started it, is dead
// and not reaped. That is one system call.
func anyDead() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	return err == nil && info.Signo != 0
}
