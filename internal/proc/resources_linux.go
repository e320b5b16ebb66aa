package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// How a process takes its resources: a launcher before it becomes the command,
// a worker on its way to main.

// supported refuses a limit on processes for whom it does not bind.
func (r Resources) supported() error {
	if r.Processes > 0 && unboundByProcesses() && !processesByCgroup() {
		return errNoProcesses
	}
	return nil
}

var errNoProcesses = errors.New("a limit of Processes cannot be set: Linux does not hold root to it (RLIMIT_NPROC), and there is no cgroup with the controller pids: run as another user, or leave it zero")

// processesByCgroup reports whether it looks as if a tree's processes can be
// limited by the controller pids: at every level, or at the one of cgroups. It
// makes nothing: what is made takes a tree and its keeper to be removed again.
func processesByCgroup() bool {
	if base, err := pidsV1.base(); err == nil {
		return !privileged() && unix.Access(base, unix.W_OK) == nil
	}
	base, err := currentCgroup()
	if err != nil || unix.Access(base, unix.W_OK) != nil {
		return false
	}
	b, err := os.ReadFile(path.Join(base, "cgroup.subtree_control"))
	return err == nil && slices.Contains(strings.Fields(string(b)), pidsV1.controller)
}

// unboundByProcesses reports whether the kernel lets this program start
// processes beyond RLIMIT_NPROC.
func unboundByProcesses() bool {
	if os.Getuid() == 0 {
		return true
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	const free = 1<<unix.CAP_SYS_RESOURCE | 1<<unix.CAP_SYS_ADMIN
	return unix.Capget(&hdr, &data[0]) == nil && data[0].Effective&free != 0
}

// Attainable says why the leader cannot get these resources, or nil: a
// launcher takes them and executes nothing.
func (r Resources) Attainable() error {
	if err := r.Check(); err != nil || r.none() {
		return err
	}
	if processesByCgroup() {
		r.Processes = 0 // it can be had, whatever the launcher may
	}
	_, _, err := launch(Spec{Path: unexecutable, Args: []string{"x"}, Env: os.Environ(), Resources: r}, spawnPlain)
	if errors.Is(err, unix.ENAMETOOLONG) { // so far, and no further, it should come
		return nil
	}
	return err
}

// String is how they are told to the launcher: five fields without a space.
func (r Resources) String() string {
	cpus := make([]string, len(r.CPUs))
	for i, cpu := range r.CPUs {
		cpus[i] = strconv.Itoa(cpu)
	}
	return fmt.Sprintf("%d %d %t %d [%s]", r.NoFile, r.Processes, r.NoCore, r.Nice, strings.Join(cpus, ","))
}

const resourceFields = 5

func parseResources(f []string) (r Resources, err error) {
	var cpus string
	if _, err = fmt.Sscan(strings.Join(f, " "), &r.NoFile, &r.Processes, &r.NoCore, &r.Nice, &cpus); err != nil {
		return r, err
	}
	if cpus = strings.Trim(cpus, "[]"); cpus != "" {
		r.CPUs, err = ParseCPUs(cpus)
	}
	return r, err
}

// resource is one of them, as a launcher reports it.
type resource uint32

const (
	resourceNone resource = iota // the command could not be executed
	resourceNice
	resourceCPUs
	resourceCore
	resourceFiles
	resourceProcesses
)

// resourceError says that one of the resources cannot be had.
type resourceError struct {
	what  string // was asked for
	errno syscall.Errno
	help  string // what to do about it
}

func (e *resourceError) Error() string { return fmt.Sprintf("%s: %v: %s", e.what, e.errno, e.help) }

// Is lets a refusal be told. The errno itself would be taken for one of the
// command's execution.
func (e *resourceError) Is(target error) bool {
	return target == fs.ErrPermission && errors.Is(e.errno, target)
}

// take sets the resources for this process, but for the limit of processes.
func (r Resources) take() (resource, error) {
	if r.Nice != 0 {
		if err := takeNice(r.Nice); err != nil {
			return resourceNice, err
		}
	}
	if len(r.CPUs) > 0 {
		if err := takeCPUs(r.CPUs); err != nil {
			return resourceCPUs, err
		}
	}
	for _, l := range []struct {
		resource resource
		which    int
		want     bool
		n        int64
	}{
		{resourceCore, unix.RLIMIT_CORE, r.NoCore, 0},
		{resourceFiles, unix.RLIMIT_NOFILE, r.NoFile > 0, r.NoFile},
	} {
		if !l.want {
			continue
		}
		if err := setLimit(l.which, l.n); err != nil {
			return l.resource, err
		}
	}
	return 0, nil
}

// setLimit is by way of syscall: it remembers that a worker's commands are not
// to get the limit of files that was there before the runtime raised it.
func setLimit(which int, n int64) error {
	return syscall.Setrlimit(which, &syscall.Rlimit{Cur: uint64(n), Max: uint64(n)})
}

// takeNice adds to the niceness of all threads.
func takeNice(add int) error {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return err
	}
	want := min(max(rawNice-raw+add, MinNice), MaxNice)
	return eachThread(func(tid int) (changed bool, err error) {
		raw, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
		if err != nil || rawNice-raw == want {
			return false, err
		}
		err = unix.Setpriority(unix.PRIO_PROCESS, tid, want)
		if err == unix.EACCES {
			err = unix.EPERM // as for the other resources
		}
		return true, err
	})
}

// rawNice minus what the kernel returns is a niceness.
const rawNice = 20

// takeCPUs has all threads run on these processors alone. The kernel would
// drop those that are not there from the set.
func takeCPUs(cpus []int) error {
	var want unix.CPUSet
	for _, cpu := range cpus {
		want.Set(cpu)
	}
	return eachThread(func(tid int) (changed bool, err error) {
		var have unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &have); err != nil || have == want {
			return false, err
		}
		if err := unix.SchedSetaffinity(tid, &want); err != nil {
			return false, err
		}
		if err := unix.SchedGetaffinity(tid, &have); err == nil && have != want {
			return false, unix.EINVAL
		}
		return true, nil
	})
}

// eachThread changes every thread of this process: niceness and processors
// belong to a thread, and the Go runtime has several before any package is
// initialized. A thread inherits from the one that starts it. So once a pass
// finds none that had to be changed, none is left that could start one without;
// a second one makes up for what a listing misses while threads end.
func eachThread(change func(tid int) (changed bool, err error)) error {
	for clean := 0; clean < 2; {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		clean++
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				continue
			}
			changed, err := change(tid)
			if err != nil && err != unix.ESRCH { // it has ended
				return err
			}
			if changed {
				clean = 0
			}
		}
	}
	return nil
}

// refusal says in plain words that a resource cannot be had.
func (r Resources) refusal(which resource, errno syscall.Errno) error {
	hard := func(resource int) string {
		var l unix.Rlimit
		if unix.Prlimit(0, resource, nil, &l) != nil || l.Max == unix.RLIM_INFINITY {
			return "unlimited"
		}
		return strconv.FormatUint(l.Max, 10)
	}
	e := &resourceError{errno: errno}
	switch which {
	case resourceNice:
		e.what, e.help = fmt.Sprintf("niceness %+d", r.Nice), "a negative value takes root, or a higher limit on it (ulimit -e)"
	case resourceCPUs:
		var own unix.CPUSet
		_ = unix.SchedGetaffinity(0, &own)
		e.what, e.help = fmt.Sprintf("processors %v", r.CPUs), "not all of them are to be had; this program runs on "+fmt.Sprint(cpusOf(&own))
	case resourceFiles:
		most := ""
		if b, err := os.ReadFile("/proc/sys/fs/nr_open"); err == nil {
			most = ", and nobody beyond fs.nr_open, " + strings.TrimSpace(string(b))
		}
		e.what = fmt.Sprintf("%d open files", r.NoFile)
		e.help = "the hard limit is " + hard(unix.RLIMIT_NOFILE) + "; only root can go beyond it" + most
	case resourceProcesses:
		e.what = fmt.Sprintf("%d processes", r.Processes)
		e.help = "the hard limit is " + hard(unix.RLIMIT_NPROC) + "; only root can go beyond it"
	default:
		e.what, e.help = "no core dumps", "leave it out"
	}
	return e
}

// cpusOf lists a set.
func cpusOf(set *unix.CPUSet) (cpus []int) {
	for cpu := range maxCPU + 1 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}
