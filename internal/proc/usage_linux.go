package proc

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Measuring a tree. A cgroup counts the processor time of all that were ever
// in it, also without the cpu controller; elsewhere it is summed up over the
// members in /proc. Memory is always summed up: what a cgroup counts includes
// the cache of files.

// census is a holder that lists the processes of its tree: those that live and
// those that are dead and not reaped, whose times are to be read still.
type census interface {
	pids(t *Tree) ([]int, error)
}

func (h *cgroupHold) pids(*Tree) ([]int, error) { return h.members() }

func (h *sweepHold) pids(t *Tree) (pids []int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil, nil
	}
	for _, m := range h.members(t) {
		pids = append(pids, m.pid)
	}
	return pids, nil
}

// measure is what measuring a tree must remember.
type measure struct {
	sync.Mutex
	ledger ledger
	last   Usage
	// largest is the most that one member alone held at the last look.
	largest int64
}

func (m *measure) usage(t *Tree) (Usage, error) {
	list, ok := t.hold.(census)
	if !ok {
		return Usage{}, errors.ErrUnsupported
	}
	pids, err := list.pids(t)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
		return m.last, err
	}
	counted, hasCounter := Usage{}, false
	if h, ok := t.hold.(*cgroupHold); ok {
		counted, hasCounter = h.cpuStat()
	}
	live := make(map[int]times, len(pids))
	u := Usage{}
	m.largest = 0
	for _, pid := range pids {
		if !hasCounter {
			if tm, ok := readTimes(pid); ok {
				live[pid] = tm
			}
		}
		if rss, own := residentOf(pid); rss > 0 { // the dead have none
			u.RSS += rss
			u.Processes++
			m.largest = max(m.largest, own)
		}
	}
	if !hasCounter {
		counted = m.ledger.add(live)
	}
	u.User, u.System = max(m.last.User, counted.User), max(m.last.System, counted.System)
	m.last = u
	return u, nil
}

// cpuStat reads the cgroup's own count.
func (h *cgroupHold) cpuStat() (u Usage, ok bool) {
	b, err := readFile(path.Join(h.dir, "cpu.stat"))
	if err != nil {
		return u, false
	}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "user_usec":
			u.User, ok = time.Duration(n)*time.Microsecond, true
		case "system_usec":
			u.System = time.Duration(n) * time.Microsecond
		}
	}
	return u, ok
}

// times are what /proc tells of a process: its own times, and those of the
// children that it waited for, which include what these waited for.
type times struct {
	start                uint64 // tells it from another one with the same pid
	user, system         time.Duration
	kidsUser, kidsSystem time.Duration
}

// tick is the unit of times in /proc: USER_HZ is 100 on every architecture
// that Go runs on.
const tick = time.Second / 100

func readTimes(pid int) (times, bool) {
	var buf [1024]byte
	b := buf[:readProc(pid, "stat", buf[:])]
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return times{}, false
	}
	num := func(i int) time.Duration {
		n, _ := strconv.ParseInt(string(f[i]), 10, 64)
		return time.Duration(n) * tick
	}
	start, err := strconv.ParseUint(string(f[19]), 10, 64)
	return times{start: start, user: num(11), system: num(12), kidsUser: num(13), kidsSystem: num(14)}, err == nil
}

// ledger adds up processor times over looks at processes that come and go. A
// member that ended between two looks is in the account of the one that waited
// for it; where nobody did (its parent ignores SIGCHLD), what it had used at
// the last look is kept.
type ledger struct {
	live                 map[int]times
	lostUser, lostSystem time.Duration
}

func (l *ledger) add(live map[int]times) (u Usage) {
	var goneUser, goneSystem, kidsUser, kidsSystem time.Duration
	for pid, was := range l.live {
		if now, ok := live[pid]; ok && now.start == was.start {
			kidsUser += now.kidsUser - was.kidsUser
			kidsSystem += now.kidsSystem - was.kidsSystem
			continue
		}
		goneUser += was.user + was.kidsUser
		goneSystem += was.system + was.kidsSystem
	}
	l.lostUser += max(0, goneUser-kidsUser)
	l.lostSystem += max(0, goneSystem-kidsSystem)
	l.live = live
	u.User, u.System = l.lostUser, l.lostSystem
	for _, t := range live {
		u.User += t.user + t.kidsUser
		u.System += t.system + t.kidsSystem
	}
	return u
}

var pageSize = int64(os.Getpagesize())

// residentOf reads the resident memory of a process, and what of it is not
// backed by files nor shared memory, from statm: "SIZE RESIDENT SHARED …".
func residentOf(pid int) (all, own int64) {
	var buf [128]byte
	f := bytes.Fields(buf[:readProc(pid, "statm", buf[:])])
	if len(f) < 3 {
		return 0, 0
	}
	resident, _ := strconv.ParseInt(string(f[1]), 10, 64)
	shared, _ := strconv.ParseInt(string(f[2]), 10, 64)
	return resident * pageSize, (resident - shared) * pageSize
}

// holdsMore reports whether the members hold more memory than limit that the
// kernel cannot drop: a page that several of them share counts once, and mapped
// files do not count. It is asked only when the resident memory, which is never
// less, is above the limit. That of one member alone is known from the last
// look; else the page tables of all are walked, which takes its time.
func (t *Tree) holdsMore(limit int64) bool {
	t.measure.Lock()
	largest := t.measure.largest
	t.measure.Unlock()
	if largest > limit {
		return true
	}
	pids, _ := t.hold.(census).pids(t)
	var sum int64
	for _, pid := range pids {
		sum += holdingOf(pid)
	}
	return sum > limit
}

func holdingOf(pid int) int64 {
	var buf [4096]byte
	for _, from := range []struct{ file, private, shared string }{
		{"smaps_rollup", "Pss_Anon:", "Pss_Shmem:"},
		{"status", "RssAnon:", "RssShmem:"}, // for those that do not let us look
	} {
		b := buf[:readProc(pid, from.file, buf[:])]
		if private, ok := kibOf(b, from.private); ok {
			shared, _ := kibOf(b, from.shared)
			return private + shared
		}
	}
	all, _ := residentOf(pid)
	return all
}

// kibOf reads a line such as "RssAnon:   5120 kB".
func kibOf(b []byte, name string) (int64, bool) {
	_, rest, ok := bytes.Cut(b, []byte("\n"+name))
	f := bytes.Fields(rest)
	if !ok || len(f) == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(f[0]), 10, 64)
	return n << 10, err == nil
}

// workOf calls f and tells how much processor time it took. What a starved
// program waits for a processor is no work: trees would be looked at the less,
// the more the machine has to do.
func workOf(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadTime()
	f()
	return threadTime() - began
}

// threadTime is the processor time of this thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

func processors() int { return runtime.NumCPU() }

// Measurable returns nil: every level of this system lists its members.
func Measurable() error { return nil }

// cpuNet is how far above the limit the kernel's own begins to act: it counts
// in whole seconds, for each process alone.
const cpuNet = time.Second

// netCPU makes the kernel end the leader should this program be stopped when
// the limit on processor time is reached: with SIGXCPU, and a second later
// with SIGKILL. A tighter limit that the leader has stays.
func (t *Tree) netCPU(limit time.Duration) {
	soft := uint64((limit + cpuNet + time.Second - 1) / time.Second)
	_ = t.unreaped(func() error {
		var now unix.Rlimit
		if err := unix.Prlimit(t.pid, unix.RLIMIT_CPU, nil, &now); err != nil {
			return err
		}
		return unix.Prlimit(t.pid, unix.RLIMIT_CPU, &unix.Rlimit{Cur: min(soft, now.Cur), Max: min(soft+1, now.Max)}, nil)
	})
}
