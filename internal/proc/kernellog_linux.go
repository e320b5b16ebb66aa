package proc

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Whom the kernel killed for want of memory, where no counter tells: the limit
// was not the tree's own, or it has none. A SIGKILL alone proves nothing, and
// the count of such kills in /proc/vmstat is the whole machine's, other
// containers' limits included. The kernel's log names the process. It is looked
// at only after a SIGKILL that this program did not send, and it counts only if
//
//   - the record is the kernel's own, which no program can forge,
//   - it names the leader's pid, as the machine numbers it,
//   - and it is not older than the leader.
//
// Where the log may not be read (kernel.dmesg_restrict, a container) nothing is
// claimed.

// killedByKernel reports whether the log proves it of the leader.
func killedByKernel(t *Tree) bool {
	select {
	case <-t.exited:
	default:
		return false
	}
	if t.status.Signal != unix.SIGKILL || t.killed.Load() || !machinePIDs() {
		return false
	}
	t.logged.Do(func() {
		for look := range 2 {
			if t.inLog = t.findInLog(); t.inLog || look > 0 {
				return
			}
			time.Sleep(lateRecord)
		}
	})
	return t.inLog
}

const (
	// lateRecord is how long after its signal the kernel may write the record.
	lateRecord = 5 * time.Millisecond
	// logSlack is how far the log's clock may be from the monotonic one, which
	// follows the network's time. The same pid is not given again so soon.
	logSlack = time.Minute
	// logBound is how many records are read: the log has fewer, unless
	// somebody fills it while we read.
	logBound = 1 << 17
)

// findInLog reads the log once.
func (t *Tree) findInLog() bool {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return false
	}
	since := time.Duration(now.Nano()) - time.Since(t.started) - logSlack
	var rec [8192]byte // the longest
	for range logBound {
		n, err := unix.Read(fd, rec[:])
		switch {
		case err == unix.EPIPE || err == unix.EINTR: // it was overwritten: the next one
		case err != nil || n <= 0:
			return false
		default:
			if at, pid, ok := parseOOMRecord(rec[:n]); ok && pid == t.pid && at >= since {
				return true
			}
		}
	}
	return false
}

// oomRecord matches "PRIORITY,NUMBER,MICROSECONDS,FLAGS[,…];TEXT" of the kernel
// itself, whose priorities are below 8.
var oomRecord = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-7],\d+,(\d+),[^;]*;(?:Out of memory|Memory cgroup out of memory)(?: \([a-z_]+\))?: Killed process (\d+) \(`)
})

func parseOOMRecord(rec []byte) (at time.Duration, pid int, ok bool) {
	if !bytes.Contains(rec, []byte("Killed process ")) { // nearly all
		return 0, 0, false
	}
	m := oomRecord().FindSubmatch(rec)
	if m == nil {
		return 0, 0, false
	}
	us, err1 := strconv.ParseInt(string(m[1]), 10, 64)
	pid, err2 := strconv.Atoi(string(m[2]))
	return time.Duration(us) * time.Microsecond, pid, err1 == nil && err2 == nil
}

// machinePIDs reports whether this process numbers processes as the kernel's
// log does: it is in the first PID namespace.
var machinePIDs = sync.OnceValue(func() bool {
	ns, _ := os.Readlink("/proc/self/ns/pid")
	return ns == "pid:[4026531836]" // PROC_PID_INIT_INO
})
