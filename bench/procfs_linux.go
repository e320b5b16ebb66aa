package main

import (
	"bytes"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// noProc is why what is read in /proc cannot be measured; "" if it can.
const noProc = ""

// procStatus returns a number of /proc/PID/status. Sizes are in KiB there.
func procStatus(pid int, field string) (v float64, err error) {
	return number(fmt.Sprintf("/proc/%d/status", pid), field+":")
}

// number reads the number behind the first occurrence of a text in a file.
func number(file, behind string) (v float64, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(b, []byte(behind))
	if !ok {
		return 0, fmt.Errorf("%s has no %q", file, behind)
	}
	_, err = fmt.Sscan(string(rest), &v)
	return v, err
}

// roomForCommands is how many commands that only wait this machine has room
// for: half of the processes, half of the memory with a MiB for each, and a
// descriptor for each.
func roomForCommands() int {
	room := math.Inf(1)
	if pids, err := number("/proc/sys/kernel/pid_max", ""); err == nil {
		room = min(room, pids/2)
	}
	if free, err := number("/proc/meminfo", "MemAvailable:"); err == nil {
		room = min(room, free/2/1024)
	}
	for resource, part := range map[int]float64{unix.RLIMIT_NPROC: 0.5, unix.RLIMIT_NOFILE: 0.9} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err == nil {
			room = min(room, part*float64(limit.Max))
		}
	}
	return int(room)
}
