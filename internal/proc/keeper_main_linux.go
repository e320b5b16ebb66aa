package proc

// This file runs in the keeper only.

import (
	"encoding/hex"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// init makes this process the keeper if it was started as one: the program's
// main never runs. Both conditions must hold; the variable alone, set by
// mistake, does nothing.
func init() {
	what := os.Getenv(keeperVar)
	if what == "" || len(os.Args) != 1 || os.Args[0] != keeperName {
		return
	}
	var st unix.Stat_t
	if unix.Fstat(keeperPipe, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return
	}
	keep(what)
	os.Exit(0)
}

// keep waits for the program's death and ends what it left.
func keep(what string) {
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	closeInherited()
	number, dirHex, _ := strings.Cut(what, " ")
	program, err := strconv.ParseUint(number, 16, 64)
	dir, err2 := hex.DecodeString(dirHex)
	if err != nil || err2 != nil {
		return
	}
	told := awaitDeath()
	if told.lenient {
		awaitEnd(string(dir), program, told.swept)
	}
	if len(dir) > 0 {
		destroyOwn(string(dir))
	}
	if told.swept {
		sweepProgram(program)
	}
}

// news is what the program told its keeper.
type news struct {
	swept   bool // there are trees at the sweep level
	lenient bool // the leaders were sent a signal at the death
}

func (n *news) add(b []byte) {
	for _, what := range b {
		switch what {
		case tellSwept:
			n.swept = true
		case tellSpared:
			n.swept = false
		case tellLenient:
			n.lenient = true
		}
	}
}

// leniency is how long trees whose leaders got a signal may take to end.
const leniency = 2 * time.Second

// awaitEnd returns when nothing is left of the trees, or leniency has passed.
func awaitEnd(dir string, program uint64, swept bool) {
	for end := time.Now().Add(leniency); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if dir != "" {
			if pop, err := (&cgroupHold{dir: dir}).populated(); err == nil && pop {
				continue
			}
		}
		if swept {
			if members, _ := marked(program); len(members) > 0 {
				continue
			}
		}
		return
	}
}

// closeInherited closes descriptors that the program itself inherited without
// close-on-exec: whoever waits for their end must not wait for the keeper.
func closeInherited() {
	ents, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range ents {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= keeperLock {
			continue
		}
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); !strings.HasPrefix(to, "anon_inode:[event") { // the runtime's
			unix.Close(fd)
		}
	}
}

// awaitDeath returns when the program is gone, and what it told before. Two things tell of the death: the end of the pipe, which comes
// also if the program executes another one; and the pidfd of the program,
// which comes also if a forked copy of it holds the pipe.
func awaitDeath() (told news) {
	fds := []unix.PollFd{{Fd: keeperPipe, Events: unix.POLLIN}}
	if fd, err := unix.PidfdOpen(os.Getppid(), 0); err == nil {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			time.Sleep(time.Millisecond) // out of memory
			continue
		}
		if fds[0].Revents != 0 {
			var b [16]byte
			n, err := unix.Read(keeperPipe, b[:])
			if n == 0 || err != nil && err != unix.EINTR {
				return told
			}
			told.add(b[:max(n, 0)])
			continue
		}
		if len(fds) > 1 && fds[1].Revents != 0 {
			return told
		}
	}
}

// destroyOwn kills what is in the program's cgroup and removes it.
func destroyOwn(dir string) {
	for end := time.Now().Add(clearBound); time.Now().Before(end); time.Sleep(time.Millisecond) {
		destroyCgroup(dir)
		if _, err := os.Stat(dir); err != nil {
			return
		}
	}
}

// sweepProgram kills everything that carries a mark of the program, and what
// descends from it, until several passes in which nothing came or went have
// found nothing. The orphans have gone to another process, which reaps them at
// once; so this is not as certain as the program's own sweep.
func sweepProgram(program uint64) {
	end := time.Now().Add(clearBound)
	for clean := 0; clean < 4 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		members, gone := marked(program)
		for _, sig := range []syscall.Signal{unix.SIGSTOP, unix.SIGKILL} {
			for _, m := range members {
				_ = signalSure(m.pid, sig, m.same) // the next pass sees who is left
			}
		}
		if clean++; len(members) > 0 || gone > 0 {
			clean = 0
		}
	}
}

// marked finds the living that carry a mark of the program, and what descends
// from them.
func marked(program uint64) (members []stat, gone int) {
	all, gone := processes()
	var roots []stat
	for _, p := range all {
		if p.pid != os.Getpid() && !p.dead() && programOn(p.pid, program) {
			roots = append(roots, p)
		}
	}
	for _, m := range closure(all, roots) {
		if !m.dead() {
			members = append(members, m)
		}
	}
	return members, gone
}
