package proc

// This file runs in the keeper only.

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// init makes this process what it was started as by this package, if it was:
// then the program's main never runs.
func init() {
	initMark()
	initNamespace()
	initKeeper()
}

// initKeeper makes this process the keeper if it was started as one. The
// variable alone, set by mistake, does nothing.
func initKeeper() {
	what := os.Getenv(keeperVar)
	if what == "" || len(os.Args) != 1 || os.Args[0] != keeperName || !isPipe(keeperPipe) || privileged() {
		return
	}
	keep(what)
	os.Exit(0)
}

// keep waits for the program's death and ends what it left.
func keep(what string) {
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	closeInherited(keeperLock)
	number, dirHex, _ := strings.Cut(what, " ")
	program, err := strconv.ParseUint(number, 16, 64)
	dir, err2 := hex.DecodeString(dirHex)
	if err != nil || err2 != nil {
		return
	}
	parent, err := unix.PidfdOpen(os.Getppid(), 0)
	if err != nil {
		parent = -1 // the pipe has to do
	}
	var told news
	awaitDeath(keeperPipe, parent, func(b []byte) bool {
		told.add(b)
		return false
	})
	if told.lenient {
		awaitEnd(string(dir), program, told)
	}
	if len(dir) > 0 {
		untilGone(string(dir), destroyCgroup)
	}
	if told.swept {
		awaitExecs()
		hunt(program, told.spared)
	}
	for _, h := range hierarchiesV1 {
		if name := told.v1[h.tell]; name != "" {
			h.removeAbsent(name)
		}
	}
}

// news is what the program told its keeper.
type news struct {
	swept   bool            // there are trees at the sweep level
	lenient bool            // the leaders were sent a signal at the death
	spared  map[mark]bool   // trees that may live on
	v1      map[byte]string // the program's cgroups in v1 hierarchies

	rest []byte // of a message that has not arrived as a whole
}

const tellSize = 1 + 8

func (n *news) add(b []byte) {
	n.rest = append(n.rest, b...)
	for ; len(n.rest) >= tellSize; n.rest = n.rest[tellSize:] {
		switch n.rest[0] {
		case tellSwept:
			n.swept = true
		case tellSpared:
			if n.spared == nil {
				n.spared = map[mark]bool{}
			}
			n.spared[mark(binary.NativeEndian.Uint64(n.rest[1:]))] = true
		case tellMemory, tellPids:
			if n.v1 == nil {
				n.v1 = map[byte]string{}
			}
			n.v1[n.rest[0]] = ownNameOf(binary.NativeEndian.Uint64(n.rest[1:]))
		case tellLenient:
			n.lenient = true
		}
	}
}

// leniency is how long trees whose leaders got a signal may take to end.
const leniency = 500 * time.Millisecond

// awaitEnd returns when nothing is left of the trees, or leniency has passed.
func awaitEnd(dir string, program uint64, told news) {
	for end := time.Now().Add(leniency); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if dir != "" {
			if pop, err := (&cgroupHold{dir: dir}).populated(); err == nil && pop {
				continue
			}
		}
		if told.swept && anyMarked(program, told.spared) {
			continue
		}
		return
	}
}

// closeInherited closes the descriptors after last: those that the program
// itself inherited without close-on-exec and, in an init, those of the command.
// Whoever waits for their end must not wait for us.
func closeInherited(last int) {
	ents, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range ents {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= last {
			continue
		}
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); !strings.HasPrefix(to, "anon_inode:[event") { // the runtime's
			unix.Close(fd)
		}
	}
}

// awaitDeath returns when the program is gone. Two things tell of the death:
// the end of the pipe, which comes also if the program executes another one;
// and the pidfd of the program, which comes also if a forked copy of it holds
// the pipe. hear gets what the program writes meanwhile, and may end the wait.
func awaitDeath(pipe, pidfd int, hear func([]byte) (enough bool)) {
	fds := []unix.PollFd{{Fd: int32(pipe), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}} // -1 is passed over
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			time.Sleep(time.Millisecond) // out of memory
			continue
		}
		if fds[0].Revents != 0 {
			var b [64 * tellSize]byte
			n, err := unix.Read(pipe, b[:])
			if n == 0 || err != nil && err != unix.EINTR {
				return
			}
			if n > 0 && hear(b[:n]) {
				return
			}
			continue
		}
		if fds[1].Revents != 0 {
			return
		}
	}
}

// awaitExecs waits, not long, for the end of the pipe. A child that was just
// being started when the program died holds it until it executes its file; only
// then its mark can be seen.
func awaitExecs() {
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		fds := []unix.PollFd{{Fd: keeperPipe, Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 10); n > 0 || err != nil && err != unix.EINTR {
			var b [16]byte
			if n, err := unix.Read(keeperPipe, b[:]); n <= 0 && err != unix.EINTR {
				return
			}
		}
	}
}
