package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/hostile"
)

// holders lists the living processes, this one left out, that are of the child
// which reports to the pipe. Meanwhile no other round begins: a process that
// this one has just forked has our end of the pipe until it executes its tool.
func holders(pipe string) (pids []int) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ents, _ := os.ReadDir("/proc")
	for _, e := range ents {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() && holds(pid, pipe) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// holds reports whether a process lives and is one of the child's.
func holds(pid int, pipe string) bool {
	proc := "/proc/" + strconv.Itoa(pid)
	cmdline, err := os.ReadFile(proc + "/cmdline")
	if err != nil {
		return false
	}
	if hostile.Is(strings.Split(string(cmdline), "\x00"), pipe) {
		return alive(proc)
	}
	fds, _ := filepath.Glob(proc + "/fd/*")
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); to == pipe {
			return alive(proc)
		}
	}
	return false
}

func alive(proc string) bool {
	stat, err := os.ReadFile(proc + "/stat")
	i := strings.LastIndexByte(string(stat), ')') // of the name, which may hold anything
	return err == nil && i > 0 && len(stat) > i+2 && !strings.ContainsRune("ZX", rune(stat[i+2]))
}

// eradicate kills what survived: all are stopped before any is killed, so that
// a bomb cannot outrun it, until there are none and the pipe is at its end.
func eradicate(a *patient) error {
	for end := time.Now().Add(hostile.Life + bound); ; {
		found := holders(a.pipe)
		if len(found) == 0 && a.isGone() {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("processes that do not die: %v", found)
		}
		for _, sig := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
			for _, pid := range found {
				signal(pid, a.pipe, sig)
			}
		}
	}
}

// signal signals a process if it is still what it was.
func signal(pid int, pipe string, sig unix.Signal) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ENOSYS) { // Linux before 5.3
		if holds(pid, pipe) {
			_ = unix.Kill(pid, sig)
		}
		return
	}
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if holds(pid, pipe) {
		_ = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}
