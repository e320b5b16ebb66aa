package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/proc"
)

// addResourceFlags adds the flags of what the tasks get of the machine.
func addResourceFlags(cmd *cobra.Command, r *cutoff.Resources) {
	f := cmd.Flags()
	f.Var((*countFlag)(&r.NoFile), "nofile", "each process may have this many files open")
	f.Var((*countFlag)(&r.Processes), "nproc", "a task is this many processes and threads at most (without a cgroup for it: all of your user's)")
	f.BoolVar(&r.NoCore, "no-core", false, "tasks that crash leave no core files")
	f.Var((*niceFlag)(&r.Nice), "nice", "add this to the tasks' niceness (-20 to 19): the higher, the later they run")
	f.Var((*cpusFlag)(&r.CPUs), "cpus", "run the tasks on these processors alone (0,2-3)")
}

// parseCount reads a limit that is a number of things. Zero is refused, as
// parseLimit refuses it.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("invalid number %s: write one from 1 up (for no limit, give none)", quote(s))
	}
	return n, nil
}

// parseNice reads what is added to the niceness.
func parseNice(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < proc.MinNice || n > proc.MaxNice {
		return 0, fmt.Errorf("invalid niceness %s: write a number from %d to %d", quote(s), proc.MinNice, proc.MaxNice)
	}
	return n, nil
}

// countFlag is a flag for a number of things.
type countFlag int64

func (f *countFlag) String() string { return zeroEmpty(int64(*f)) }

func (f *countFlag) Type() string { return "N" }

func (f *countFlag) Set(s string) error {
	n, err := parseCount(s)
	*f = countFlag(n)
	return err
}

// niceFlag is a flag for what is added to the niceness.
type niceFlag int

func (f *niceFlag) String() string { return zeroEmpty(int64(*f)) }

func (f *niceFlag) Type() string { return "N" }

func (f *niceFlag) Set(s string) error {
	n, err := parseNice(s)
	*f = niceFlag(n)
	return err
}

// zeroEmpty keeps "default 0" out of the help text.
func zeroEmpty(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// cpusFlag is a flag for a list of processors.
type cpusFlag []int

func (f *cpusFlag) String() string { return strings.Trim(fmt.Sprint(*f), "[]") }

func (f *cpusFlag) Type() string { return "LIST" }

func (f *cpusFlag) Set(s string) error {
	cpus, err := proc.ParseCPUs(s)
	*f = cpus
	return err
}
