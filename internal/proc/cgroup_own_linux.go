package proc

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How the program's cgroup is made, owned and, after a crash, removed.
//
// Its owner holds a lock (flock) on the directory. The lock tells the living
// from the dead across PID namespaces too, where a pid in the name would lie.
// The keeper shares the lock; so it is free only when both are gone.

// ownName is the name of a program's cgroup: its pid, for people, and a random
// part.
var ownName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^cutoff-[0-9]+-[0-9a-f]{8}$`)
})

// openCgroups makes this program's cgroup and tries every step that a tree
// will need.
func openCgroups() (*cgroupParent, error) {
	base, err := currentCgroup()
	if err != nil {
		return nil, err
	}
	removeAbandoned(base, destroyCgroup)
	for range 3 {
		c, err := makeOwn(base)
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := c.try(); err != nil {
			_ = removeCgroup(c.dir)
			c.lock.Close()
			return nil, err
		}
		keeper.standBy(c, false) // who removes it, also if there is never a tree
		return c, nil
	}
	return nil, errTaken
}

// errTaken says that another program took the new cgroup for an abandoned one,
// in the moment between its making and its locking.
var errTaken = errors.New("the new cgroup was removed by another program")

func makeOwn(base string) (*cgroupParent, error) {
	var r [4]byte
	_, _ = rand.Read(r[:]) // never fails
	dir := path.Join(base, fmt.Sprintf("cutoff-%d-%s", os.Getpid(), hex.EncodeToString(r[:])))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		_ = unix.Rmdir(dir)
		return nil, errors.Join(errTaken, err)
	}
	if !sameFile(lock, dir) {
		lock.Close()
		return nil, errTaken
	}
	return &cgroupParent{dir: dir, lock: lock}, nil
}

// lockDir opens the directory and takes its lock, or fails at once.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func sameFile(f *os.File, name string) bool {
	a, err1 := f.Stat()
	b, err2 := os.Stat(name)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// try makes a tree's cgroup, sees that it can be killed and that a process can
// be born in it, and removes it.
func (c *cgroupParent) try() error {
	dir := path.Join(c.dir, "try")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	defer func() { _ = removeCgroup(dir) }() // best effort: the keeper takes what is left
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := tryBirth(int(f.Fd())); err != nil {
		return err
	}
	if err := writeFile(path.Join(dir, "cgroup.kill"), "1"); err != nil {
		return err
	}
	return (&cgroupHold{dir: dir}).emptied()
}

// removeAbandoned has remove take away the cgroups that programs left behind
// which were killed together with their keepers, in the cgroup that we are in.
// Other cgroups are not searched: whoever made one for a program (a service
// manager, a session) ends what is in it, and what another program does there is
// not ours to judge.
func removeAbandoned(base string, remove func(dir string)) {
	ents, err := os.ReadDir(base)
	if err != nil {
		return
	}
	end := time.Now().Add(time.Second)
	for _, e := range ents {
		if !e.IsDir() || !ownName().MatchString(e.Name()) || time.Now().After(end) {
			continue
		}
		dir := path.Join(base, e.Name())
		lock, err := lockDir(dir)
		if err != nil {
			continue // its owner lives, or it is another user's
		}
		remove(dir)
		lock.Close()
	}
}

// untilGone calls remove until there is no such directory any more.
func untilGone(dir string, remove func(dir string)) {
	for end := time.Now().Add(clearBound); time.Now().Before(end); time.Sleep(time.Millisecond) {
		remove(dir)
		if _, err := os.Stat(dir); err != nil {
			return
		}
	}
}

// destroyCgroup kills everything in a program's cgroup and removes it.
func destroyCgroup(dir string) {
	h := &cgroupHold{dir: dir}
	if writeFile(path.Join(dir, "cgroup.kill"), "1") == nil && h.emptied() == nil {
		_ = removeCgroup(dir) // what cannot be removed now, the next run will
	}
}

// currentCgroup returns the directory of the v2 cgroup that this process is
// in, on a pure v2 machine, a hybrid one or in a container.
func currentCgroup() (string, error) {
	name, err := currentCgroupName()
	if err != nil {
		return "", err
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		root, mount, ok := cgroup2Mount(lines.Text())
		if !ok {
			continue
		}
		if rel, ok := below(name, root); ok {
			return path.Join(mount, rel), nil
		}
	}
	return "", errors.New("no cgroup v2 hierarchy is mounted that holds this process")
}

// cgroup2Mount reads a line of mountinfo: "ID PARENT DEV ROOT MOUNT OPTS
// [TAG]... - TYPE SOURCE SUPER".
func cgroup2Mount(line string) (root, mount string, ok bool) {
	left, right, _ := strings.Cut(line, " - ")
	f := strings.Fields(left)
	if len(f) < 5 || !strings.HasPrefix(right, "cgroup2 ") {
		return "", "", false
	}
	return unescapeMount(f[3]), unescapeMount(f[4]), true
}

// unescapeMount undoes the kernel's escapes of what would end a field.
var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// below returns name as seen from root.
func below(name, root string) (string, bool) {
	if root == "/" {
		return name, true
	}
	rel, ok := strings.CutPrefix(name, root)
	return rel, ok && (rel == "" || rel[0] == '/')
}

// currentCgroupName returns the name as the kernel tells it: the line "0::NAME".
func currentCgroupName() (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "0::"); ok {
			name = strings.TrimSuffix(name, "\n")
			if strings.HasPrefix(name, "/..") || strings.HasSuffix(name, " (deleted)") {
				return "", fmt.Errorf("the program's own cgroup %q is out of its reach", name)
			}
			return name, nil
		}
	}
	return "", errors.New("the kernel has no cgroup v2")
}

// inCgroup reports whether the process is in the cgroup dir, a program's or a
// tree's, or below it.
func inCgroup(pid int, dir string) bool {
	name := path.Base(dir) // a program's is unique by its random part
	if !ownName().MatchString(name) {
		name = path.Join(path.Base(path.Dir(dir)), name)
	}
	in, _ := cgroupOf(pid)
	return strings.Contains(in+"/", "/"+name+"/")
}

// inRemovedCgroup reports whether the process was in a cgroup below a program's
// that has been removed.
func inRemovedCgroup(pid int, program string) bool {
	in, removed := cgroupOf(pid)
	return removed && strings.Contains(in, "/"+path.Base(program)+"/")
}

// cgroupOf returns the name of the cgroup that the process is in, also of a dead
// one; "" if it cannot be had.
func cgroupOf(pid int) (name string, removed bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.CutSuffix(strings.TrimSuffix(n, "\n"), " (deleted)")
		}
	}
	return "", false
}
