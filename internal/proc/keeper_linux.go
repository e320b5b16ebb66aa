package proc

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// The program's side of the keeper: starting it. What it does is in
// keeper_main_linux.go.
//
// The keeper is a second process of this program's executable. It sleeps until
// the program is gone, by whatever death, and then kills every tree that is
// left and removes the program's cgroup. PR_SET_PDEATHSIG would not do: the
// signal comes when the thread ends that started the child, which in Go may be
// any time, and it reaches the first generation only. It does for what may come
// too early: it continues a keeper that a member of a tree has stopped.

const (
	keeperVar = "CUTOFF_KEEPER" // "PROGRAM CGROUP", both in hexadecimal
	// keeperName is argv[0]. It has nothing of the program's name in it, so
	// that "pkill -9 -f NAME" leaves the keeper to do its work.
	keeperName = "tree-keeper"
	keeperPipe = 3 // the keeper's end of the dead-man pipe
	keeperLock = 4 // the lock of the program's cgroup

	// What the keeper is told through the pipe: a byte for each fact, and eight
	// bytes behind it.
	tellSwept   = 's' // there are trees at the sweep level
	tellSpared  = 'n' // the tree with this mark may live on
	tellMemory  = 'm' // the program has this cgroup in the v1 hierarchy of memory, see ownID
	tellPids    = 'p' // likewise, of pids
	tellLenient = 'l' // the leaders get a signal when the program dies: let them act on it
)

// keeper is this program's keeper. It is started with the program's cgroup or,
// where there is none, with the first tree, and again as soon as somebody kills
// it.
var keeper keeperProcess

type keeperProcess struct {
	mu      sync.Mutex
	pid     int         // 0: none
	end     *watchedEnd // nil if nobody waits for it
	pipe    int         // its closing, by our death, is the news
	starts  int
	cgroups *cgroupParent // the program's cgroup, once there is one
	knows   *cgroupParent // what the keeper was started with of it
	swept   bool
	lenient bool
	v1      map[byte]uint64 // the program's cgroups in v1 hierarchies
	spared  []mark          // trees that were let go
	err     error
}

// toldAtStart is how many trees that may live on a new keeper finds in its
// pipe: the smallest pipe holds them beside the rest. It is told of others, of
// which nobody has so many, once it reads.
const toldAtStart = 400

// maxKeepers bounds how often a keeper is started in one program: if it keeps
// dying, something kills it on purpose.
const maxKeepers = 16

// standBy sees to it that a keeper lives, one that knows of the program's
// cgroup c, if the tree is to be in it. lenient: see Spec.LastSignal.
// KeeperError tells if it could not be had.
func (k *keeperProcess) standBy(c *cgroupParent, lenient bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c != nil {
		k.cgroups = c
	}
	k.err = k.ensure()
	if lenient && !k.lenient {
		k.lenient = true
		if k.pid != 0 {
			k.err = errors.Join(k.err, k.tell(tellLenient, 0))
		}
	}
}

// ensure starts the keeper if there is none, or none that knows of the cgroup;
// k.mu is held.
func (k *keeperProcess) ensure() error {
	alive := k.alive()
	if alive && k.knows == k.cgroups {
		return k.err
	}
	if k.starts++; k.starts > maxKeepers {
		return errors.Join(errors.New("the keeper was ended again and again"), k.err)
	}
	old, oldPipe := k.pid, k.pipe
	pidfd, err := k.start(k.cgroups)
	if err != nil {
		return err
	}
	k.attend(pidfd)
	if alive { // the new one stands by: the old one is not needed any more
		_ = unix.Kill(old, unix.SIGKILL)
		_, _ = syscall.Wait4(old, nil, 0, nil)
		unix.Close(oldPipe)
	}
	for _, m := range k.spared[min(len(k.spared), toldAtStart):] {
		err = errors.Join(err, k.tell(tellSpared, uint64(m)))
	}
	return err
}

// alive reports whether there is a keeper, and reaps a dead one; k.mu is held.
func (k *keeperProcess) alive() bool {
	if k.pid == 0 {
		return false
	}
	if pid, err := syscall.Wait4(k.pid, nil, unix.WNOHANG, nil); pid == 0 || err == syscall.EINTR {
		return true
	}
	unix.Close(k.pipe)
	k.pid = 0
	k.attend(-1)
	return false
}

// attend waits for the end of the keeper with this pidfd; -1 is none, and then
// the next tree brings the new keeper. k.mu is held.
func (k *keeperProcess) attend(pidfd int) {
	ends.remove(k.end)
	k.end = ends.add(pidfd, func() bool {
		go k.renew() // the ends of others do not wait for it
		return false // it removes what is here, if it finds the keeper dead
	})
	if k.end == nil && pidfd >= 0 {
		unix.Close(pidfd)
	}
}

// renew starts another keeper if this one has ended: a member of a tree may kill
// first the keeper and then the program.
func (k *keeperProcess) renew() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = k.ensure()
}

// start starts a keeper and returns its pidfd; k.mu is held.
func (k *keeperProcess) start(c *cgroupParent) (pidfd int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	defer unix.Close(p[0])
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(p[1])
		return -1, err
	}
	defer unix.Close(null)
	n, dir := uintptr(null), ""
	files := []uintptr{n, n, n, keeperPipe: uintptr(p[0]), keeperLock: n}
	if c != nil {
		dir = c.dir
		files[keeperLock] = c.lock.Fd()
	}
	// What it has to know waits for it in the pipe: we may be killed in the
	// instant after its start.
	if k.swept {
		err = tell(p[1], tellSwept, 0)
	}
	if k.lenient {
		err = errors.Join(err, tell(p[1], tellLenient, 0))
	}
	for hierarchy, id := range k.v1 {
		err = errors.Join(err, tell(p[1], hierarchy, id))
	}
	for _, m := range k.spared[:min(len(k.spared), toldAtStart)] {
		err = errors.Join(err, tell(p[1], tellSpared, uint64(m)))
	}
	if err != nil {
		unix.Close(p[1])
		return -1, err
	}
	pidfd = -1
	pid, _, err := syscall.StartProcess(selfPath, []string{keeperName}, &syscall.ProcAttr{
		Dir:   "/", // not to hold a mount
		Env:   guardEnv(fmt.Sprintf("%s=%x %s", keeperVar, program(), hex.EncodeToString([]byte(dir)))),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGCONT, PidFD: &pidfd}, // out of reach of the terminal
	})
	if err != nil {
		unix.Close(p[1])
		return -1, fmt.Errorf("the keeper cannot be started: %w", err)
	}
	k.pid, k.pipe, k.knows = pid, p[1], c
	return pidfd, nil
}

// guardEnv is our environment, since the executable may need it to start, with
// the variable that makes it a keeper or an init, and without those that are
// for a leader. These need one processor.
func guardEnv(what string) []string {
	var env []string
	for _, kv := range os.Environ() {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "GOMAXPROCS", launchVar, resourcesVar:
		default:
			env = append(env, kv)
		}
	}
	return append(env, "GOMAXPROCS=1", what)
}

// processID returns the keeper's pid; 0 if there is none.
func (k *keeperProcess) processID() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pid
}

// sweptToo tells the keeper to look for trees at the sweep level.
func (k *keeperProcess) sweptToo() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.swept || k.pid == 0 {
		k.swept = true
		return nil
	}
	k.swept = true
	return k.tell(tellSwept, 0)
}

// removeLater tells the keeper to remove the program's cgroup in a v1
// hierarchy.
func (k *keeperProcess) removeLater(hierarchy byte, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.v1 == nil {
		k.v1 = map[byte]uint64{}
	}
	k.v1[hierarchy] = ownID(name)
	if k.pid != 0 {
		k.err = errors.Join(k.err, k.tell(hierarchy, k.v1[hierarchy]))
	}
}

// spare tells the keeper to leave one tree alone.
func (k *keeperProcess) spare(m mark) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spared = append(k.spared, m)
	if k.pid == 0 {
		return nil
	}
	return k.tell(tellSpared, uint64(m))
}

// tell writes to the keeper; k.mu is held.
func (k *keeperProcess) tell(what byte, more uint64) error {
	return tell(k.pipe, what, more)
}

func tell(pipe int, what byte, more uint64) error {
	_, err := unix.Write(pipe, binary.NativeEndian.AppendUint64([]byte{what}, more))
	return err
}
