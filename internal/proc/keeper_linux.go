package proc

import (
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
// any time, and it reaches the first generation only.

const (
	keeperVar = "CUTOFF_KEEPER" // "PROGRAM CGROUP", both in hexadecimal
	// keeperName is argv[0]. It has nothing of the program's name in it, so
	// that "pkill -9 -f NAME" leaves the keeper to do its work.
	keeperName = "tree-keeper"
	keeperPipe = 3 // the keeper's end of the dead-man pipe
	keeperLock = 4 // the lock of the program's cgroup

	// What the keeper is told through the pipe, a byte for each fact.
	tellSwept   = 's' // there are trees at the sweep level
	tellSpared  = 'n' // there are none any more: those that live may live on
	tellLenient = 'l' // the leaders get a signal when the program dies: let them act on it
)

// keeper is this program's keeper. It is started with the first tree, and
// again if somebody killed it.
var keeper keeperProcess

type keeperProcess struct {
	mu     sync.Mutex
	pid    int // 0: none
	pipe   int // its closing, by our death, is the news
	starts int
	swept  bool
	err    error
}

// maxKeepers bounds how often a keeper is started in one program: if it keeps
// dying, something kills it on purpose.
const maxKeepers = 16

// ensure sees to it that a keeper lives.
func (k *keeperProcess) ensure(c *containment) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pid != 0 {
		if pid, err := syscall.Wait4(k.pid, nil, unix.WNOHANG, nil); pid == 0 || err == syscall.EINTR {
			return nil
		}
		unix.Close(k.pipe)
		k.pid = 0
	}
	if k.starts++; k.starts > maxKeepers {
		return errors.Join(errors.New("the keeper was ended again and again"), k.err)
	}
	if k.err = k.start(c); k.err == nil && k.swept {
		k.err = k.tell(tellSwept)
	}
	return k.err
}

// start starts the keeper; k.mu is held.
func (k *keeperProcess) start(c *containment) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(p[0])
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(p[1])
		return err
	}
	defer unix.Close(null)
	n, dir := uintptr(null), ""
	files := []uintptr{n, n, n, keeperPipe: uintptr(p[0]), keeperLock: n}
	if c.cgroups != nil {
		dir = c.cgroups.dir
		files[keeperLock] = c.cgroups.lock.Fd()
	}
	k.pid, _, err = syscall.StartProcess(selfPath, []string{keeperName}, &syscall.ProcAttr{
		Dir:   "/", // not to hold a mount
		Env:   keeperEnv(fmt.Sprintf("%x %s", program(), hex.EncodeToString([]byte(dir)))),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true}, // out of reach of the terminal
	})
	if err != nil {
		k.pid = 0
		unix.Close(p[1])
		return fmt.Errorf("the keeper cannot be started: %w", err)
	}
	k.pipe = p[1]
	return nil
}

// keeperEnv is our environment, since the executable may need it to start,
// with what makes it a keeper. The keeper needs one processor.
func keeperEnv(what string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GOMAXPROCS=") {
			env = append(env, kv)
		}
	}
	return append(env, "GOMAXPROCS=1", keeperVar+"="+what)
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
	return k.tell(tellSwept)
}

// spare tells the keeper that nothing at the sweep level is to be killed.
func (k *keeperProcess) spare() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.swept = false
	if k.pid == 0 {
		return nil
	}
	return k.tell(tellSpared)
}

// lenient tells the keeper to leave the trees a moment before it kills them.
func (k *keeperProcess) lenient() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pid == 0 {
		return nil
	}
	return k.tell(tellLenient)
}

// tell writes to the keeper; k.mu is held.
func (k *keeperProcess) tell(what byte) error {
	_, err := unix.Write(k.pipe, []byte{what})
	return err
}
