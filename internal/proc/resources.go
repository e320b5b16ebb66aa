package proc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Resources are what the leader gets of the machine, set before its first
// instruction. What it starts inherits them. The zero value of each field
// leaves what this program has itself.
type Resources struct {
	NoFile    int64 // RLIMIT_NOFILE, soft and hard
	Processes int64 // of the tree, by a cgroup, or of the user: RLIMIT_NPROC, soft and hard
	NoCore    bool  // RLIMIT_CORE is 0, soft and hard
	Nice      int   // added to this program's niceness
	CPUs      []int // the processors to run on
}

// The niceness that the systems know.
const (
	MinNice = -20
	MaxNice = 19
)

// maxCPU is the last processor that a set can name.
const maxCPU = 1023

// none reports whether nothing is asked for.
func (r Resources) none() bool {
	return r.NoFile == 0 && r.Processes == 0 && !r.NoCore && r.Nice == 0 && len(r.CPUs) == 0
}

// Check is the one place where resources are validated: values that mean
// nothing, and what this system does not have for this user.
func (r Resources) Check() error {
	for _, f := range []struct {
		name string
		n    int64
	}{{"NoFile", r.NoFile}, {"Processes", r.Processes}} {
		if f.n < 0 {
			return fmt.Errorf("%s is negative (%d): use a positive number, or zero for what this program has", f.name, f.n)
		}
	}
	if r.Nice < MinNice || r.Nice > MaxNice {
		return fmt.Errorf("a Nice of %d is none: use %d to %d", r.Nice, MinNice, MaxNice)
	}
	for _, cpu := range r.CPUs {
		if cpu < 0 || cpu > maxCPU {
			return fmt.Errorf("CPUs: there is no processor %d: use 0 to %d", cpu, maxCPU)
		}
	}
	return r.supported()
}

// ParseCPUs reads a list of processors as people write it: "0,2-3".
func ParseCPUs(s string) (cpus []int, err error) {
	for item := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(item, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.ParseUint(from, 10, 16)
		b, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || a > b || b > maxCPU {
			return nil, fmt.Errorf("invalid list of processors %q: write 0,2-3, each from 0 to %d", s, maxCPU)
		}
		for cpu := int(a); cpu <= int(b); cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}
