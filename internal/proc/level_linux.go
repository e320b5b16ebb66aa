package proc

import (
	"errors"
	"os"
	"runtime"
	"sync"
)

// known are this system's levels, the strongest first.
var known = []Level{Cgroup, PIDNS, Sweep}

// What this program found out about the machine, each once and only when it is
// asked for: a level that nobody wants costs nothing.
var (
	cgroups    = sync.OnceValues(openCgroups)
	namespaces = sync.OnceValues(openNamespaces)
)

// available says why a level cannot be had, or nil.
func available(l Level) error {
	_, err := starterOf(l)
	return err
}

// starter starts trees at one level.
type starter func(Spec) (*Tree, error)

// starterOf returns how trees of a level are started, or why they cannot be.
func starterOf(l Level) (starter, error) {
	switch l {
	case Cgroup:
		c, err := cgroups()
		if err != nil {
			return nil, err
		}
		return c.start, nil
	case PIDNS:
		n, err := namespaces()
		if err != nil {
			return nil, err
		}
		return n.start, nil
	case Sweep:
		return startSwept, nil
	}
	return nil, errors.New(runtime.GOOS + " has no such thing")
}

// errNoLevel says that a tree could not be given its level, although others
// were: the machine has run out of something, say.
type errNoLevel struct {
	level Level
	err   error
}

func (e errNoLevel) Error() string {
	return "no " + string(e.level) + " for the tree: " + e.err.Error()
}
func (e errNoLevel) Unwrap() error { return e.err }

func isNoLevel(err error) bool { return errors.As(err, new(errNoLevel)) }

// Start starts a tree. Its error is an *os.PathError as os.StartProcess
// returns it, unless containment itself failed.
func Start(s Spec) (*Tree, error) {
	strays.reap()
	s, c := control(s)
	t, err := startWanted(s)
	closeHandovers(s.handovers)
	if err != nil {
		c.remove()
		return nil, err
	}
	t.controls.add(c)
	return t, nil
}

func startWanted(s Spec) (*Tree, error) {
	l, err := wanted(s.Level)
	if err != nil {
		return nil, err
	}
	if l != "" {
		start, err := starterOf(l)
		if err != nil {
			return nil, refused{l, err}
		}
		t, err := start(s)
		if isNoLevel(err) {
			err = refused{l, err}
		}
		return t, err
	}
	return startFirst(s, ladder()...)
}

// ladder returns how trees are started at the levels that can be had, the
// strongest first. A weaker one is looked for only when it is needed.
func ladder() (all []starter) {
	for _, l := range known {
		all = append(all, func(s Spec) (*Tree, error) {
			if s.MayLive && l == PIDNS {
				return nil, errNoLevel{l, errPidfile}
			}
			start, err := starterOf(l)
			if err != nil {
				return nil, errNoLevel{l, err}
			}
			return start(s)
		})
	}
	return all
}

// errPidfile is why a tree that may be let go gets no PID namespace unless it
// asks for one.
var errPidfile = errors.New("a daemon in it would be known by another pid outside than the one it writes to its pidfile")

// startFirst starts a tree at the first level that can be had for it.
func startFirst(s Spec, levels ...starter) (t *Tree, err error) {
	for _, start := range levels {
		if t, err = start(s); !isNoLevel(err) {
			break
		}
	}
	return t, err
}

// hint says what to switch on for a level that cannot be had.
func hint(l Level) string {
	switch l {
	case Cgroup:
		return cgroupHint()
	case PIDNS:
		return namespaceHint()
	}
	return ""
}

// cgroupHint looks for the likeliest reason first.
func cgroupHint() string {
	if name, err := currentCgroupName(); err != nil || name == "" {
		return "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1), or mount it: mount -t cgroup2 none /sys/fs/cgroup/unified"
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil && os.Geteuid() != 0 {
		return "run the program in a cgroup of its own that is delegated to you: systemd-run --user --scope -p Delegate=yes COMMAND"
	}
	if os.Geteuid() != 0 {
		return "have the administrator give you a cgroup (mkdir, then chown the directory, cgroup.procs and cgroup.subtree_control) and start the program in it"
	}
	return "Linux 5.14 or later, and a cgroup v2 file system that may be written: in a container run it with --cgroupns=private and a writable /sys/fs/cgroup"
}
