package proc

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Members of a tree that are children of this program, and not its leader. A
// subreaper and the init process of a container adopt orphans; and a leader may
// give its parent a child (CLONE_PARENT). Nobody else can reap them.

// awaited are this program's children that have somebody who waits for them: the
// leaders of its trees, and the inits of their namespaces, until they are reaped.
// There may be thousands of them, and none is a member to look for.
var awaited awaitedChildren

type awaitedChildren struct {
	mu   sync.RWMutex
	pids map[int]struct{}
	gone int // those removed since strangerDied last asked
}

func (a *awaitedChildren) add(pid int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pids == nil {
		a.pids = map[int]struct{}{}
	}
	a.pids[pid] = struct{}{}
}

// remove is called when the child has been reaped. Its number comes to mean
// another process after all others have been used.
func (a *awaitedChildren) remove(pid int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pids, pid)
	a.gone++
}

// askedOver is how many children may be looked through for each one that ends.
const askedOver = 64

// strangerDied reports whether a child of this program that nobody waits for may
// be dead. It is for the ends of trees, and not sure: the kernel answers by
// looking through all children that live, so with many of them it is asked at one
// end in several only. Who is missed there, or hidden behind another tree's dead
// leader, is a zombie until a later end finds it.
func (a *awaitedChildren) strangerDied() bool {
	a.mu.Lock()
	ask := (a.gone+1)*askedOver > len(a.pids)
	if ask {
		a.gone = 0
	}
	a.mu.Unlock()
	if !ask {
		return false
	}
	dead, _ := deadChild()
	return dead != 0 && !a.has(dead)
}

func (a *awaitedChildren) has(pid int) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	_, ok := a.pids[pid]
	return ok
}

// reapAdopted reaps those children that ours names and that are dead, and
// returns how many are not dead yet. The one with the pid leader is left to its
// watch.
func reapAdopted(leader int, ours func(stat) bool) (alive int) {
	for _, pid := range childrenOf(os.Getpid()) {
		if pid == leader || awaited.has(pid) {
			continue
		}
		st, ok := readStat(pid)
		switch {
		case !ok || !ours(st):
		case st.dead():
			_, _ = syscall.Wait4(pid, nil, unix.WNOHANG, nil)
		default:
			alive++
		}
	}
	return alive
}

// deadChild returns a child of this program that is dead and not reaped, whoever
// started it; 0, if there is none. childless says that there is no child at all,
// living or dead. It is asked after every call of a function, so it is made
// cheap: no thread is handed over for a call that cannot block.
func deadChild() (pid int, childless bool) {
	var info childInfo
	_, _, errno := unix.RawSyscall6(unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&info)),
		unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, 0, 0)
	if errno != 0 {
		return 0, errno == unix.ECHILD
	}
	return int(info.pid), false
}

// childInfo is a siginfo_t as waitid fills it in. Its union begins where a
// pointer may.
type childInfo struct {
	_   [3]int32
	_   [0]uintptr
	pid int32
	_   [116]byte
}
