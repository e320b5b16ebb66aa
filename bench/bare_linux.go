package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// cgroupsForBare makes a cgroup in which bare processes get one each.
func cgroupsForBare() (dir string, err error) {
	in, err := ownCgroup()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(in, fmt.Sprintf("cutoff-bench-%d", os.Getpid()))
	return dir, os.Mkdir(dir, 0o755)
}

// ownCgroup is the directory of this process's cgroup, of version 2.
func ownCgroup() (string, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	_, name, _ := strings.Cut("\n"+string(own), "\n0::")
	name, _, found := strings.Cut(name, "\n")
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer mounts.Close()
	for lines := bufio.NewScanner(mounts); found && lines.Scan(); {
		// ID PARENT DEVICE ROOT MOUNT …
		if f := strings.Fields(lines.Text()); strings.Contains(lines.Text(), " - cgroup2 ") && len(f) > 4 && f[3] == "/" {
			return filepath.Join(f[4], name), nil
		}
	}
	return "", errors.New("there is no cgroup of version 2")
}

// startInCgroup starts the command in the i-th cgroup below dir.
func startInCgroup(c *exec.Cmd, dir string, i int) (victim, error) {
	v := victim{Cmd: c, cgroup: filepath.Join(dir, strconv.Itoa(i))}
	if err := os.Mkdir(v.cgroup, 0o755); err != nil {
		return victim{}, err
	}
	f, err := os.Open(v.cgroup)
	if err == nil {
		c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
		err = errors.Join(c.Start(), f.Close())
	}
	if err != nil {
		_ = os.Remove(v.cgroup)
		return victim{}, err
	}
	return v, nil
}
