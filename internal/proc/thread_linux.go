package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Stopped reports whether the leader is stopped, by job control or a debugger,
// and so neither hears nor does anything.
func (t *Tree) Stopped() bool {
	st, ok := readStat(t.pid)
	return ok && (st.state == 'T' || st.state == 't')
}

// maxThreads bounds the threads that SignalBusiest looks at.
const maxThreads = 256

// SignalBusiest sends sig once to the leader, to that of its threads which
// runs, or which has used the most processor time if several do or none does:
// what a handler looks at first is the thread that it runs on. A leader that
// has ended is no error; one that cannot hear the signal is.
func (t *Tree) SignalBusiest(sig syscall.Signal) error {
	return t.unreaped(func() error {
		tid := busiestThread(t.pid)
		if isDeaf(t.pid, tid, sig) {
			return fmt.Errorf("process %d blocks or ignores %v", t.pid, sig)
		}
		return ignoreGone(unix.Tgkill(t.pid, tid, sig))
	})
}

// isDeaf reports whether the thread blocks the signal or the process ignores
// it.
func isDeaf(pid, tid int, sig syscall.Signal) bool {
	var buf [4096]byte
	n := readProc(pid, "task/"+strconv.Itoa(tid)+"/status", buf[:])
	for _, set := range []string{"\nSigBlk:\t", "\nSigIgn:\t"} {
		_, line, _ := strings.Cut(string(buf[:n]), set)
		line, _, _ = strings.Cut(line, "\n")
		if v, err := strconv.ParseUint(line, 16, 64); err == nil && v&(1<<(sig-1)) != 0 {
			return true
		}
	}
	return false
}

// busiestThread returns the thread's id; the main thread's, which is the
// process's, if nothing can be seen.
func busiestThread(pid int) int {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	d, err := os.Open(dir)
	if err != nil {
		return pid
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxThreads)
	best, most, runs := pid, uint64(0), false
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		var buf [1024]byte
		n := readProc(pid, "task/"+name+"/stat", buf[:])
		st, ok := parseStat(tid, buf[:n])
		running := st.state == 'R'
		if ok && (running && !runs || running == runs && st.ticks >= most) {
			best, most, runs = tid, st.ticks, running
		}
	}
	return best
}
