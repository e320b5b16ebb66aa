package proc

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Where the program's own cgroups of the v1 hierarchies are made, and how they
// are removed again, also when the program was killed.

// rmdirAll removes a program's cgroup with the trees' in it, as far as they are
// empty now. It kills nobody: whoever is still in such a cgroup keeps it.
func rmdirAll(dir string) {
	_ = walkCgroup(dir, unix.Rmdir) // best effort
}

// removeAbsent is for the keeper, which is in the same cgroup as the program
// was. What the program left is dying meanwhile.
func (h *hierarchyV1) removeAbsent(name string) {
	base, err := h.base()
	if err != nil {
		return
	}
	untilGone(path.Join(base, name), rmdirAll)
}

// ownID is the name of a program's cgroup as the keeper is told: two numbers
// of four bytes.
func ownID(name string) uint64 {
	var pid, random uint32
	_, _ = fmt.Sscanf(name, "cutoff-%d-%x", &pid, &random) // it is made so
	return uint64(pid)<<32 | uint64(random)
}

func ownNameOf(id uint64) string { return fmt.Sprintf("cutoff-%d-%08x", id>>32, uint32(id)) }

// base returns the directory of the hierarchy's cgroup that this process is in.
func (h *hierarchyV1) base() (string, error) {
	cgroups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	name, err := h.nameIn(string(cgroups))
	if err != nil {
		return "", err
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		root, mount, ok := h.mount(lines.Text())
		if !ok {
			continue
		}
		if rel, ok := below(name, root); ok {
			return path.Join(mount, rel), nil
		}
	}
	return "", fmt.Errorf("no v1 hierarchy of the controller %s is mounted that holds this process", h.controller)
}

// mount reads a line of mountinfo: see cgroup2Mount.
func (h *hierarchyV1) mount(line string) (root, mount string, ok bool) {
	left, right, _ := strings.Cut(line, " - ")
	at, of := strings.Fields(left), strings.Fields(right)
	if len(at) < 5 || len(of) < 3 || of[0] != "cgroup" || !slices.Contains(strings.Split(of[2], ","), h.controller) {
		return "", "", false
	}
	return unescapeMount(at[3]), unescapeMount(at[4]), true
}

// nameIn finds the name of a process's cgroup in what the kernel tells of it:
// lines "ID:CONTROLLERS:NAME". Two controllers of ours may share a hierarchy,
// where a tree cannot be in two cgroups: the second does without.
func (h *hierarchyV1) nameIn(cgroups string) (string, error) {
	for line := range strings.Lines(cgroups) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		controllers := strings.Split(f[1], ",")
		switch {
		case !slices.Contains(controllers, h.controller):
		case h.controller != "memory" && slices.Contains(controllers, "memory"):
			return "", errors.New("the controllers memory and " + h.controller + " share a hierarchy")
		case strings.HasPrefix(f[2], "/.."):
			return "", fmt.Errorf("the program's own cgroup %q is out of its reach", f[2])
		default:
			return f[2], nil
		}
	}
	return "", errors.New("there is no v1 hierarchy of the controller " + h.controller)
}
