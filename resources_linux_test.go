package cutoff

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// machine is what a process sees of its resources: two limits, and niceness
// and processors of each thread, equal ones once.
const machine = `grep -E "open files|core file" /proc/PID/limits | tr -s " " | cut -d " " -f 4,5,6
	cut -d " " -f 19 /proc/PID/task/*/stat | sort -u
	cat /proc/PID/task/*/status | grep Cpus_allowed_list | sort -u`

var seesMachine = Register("sees machine", func(context.Context, struct{}) (string, error) {
	for range 4 { // threads that are started by now
		up := make(chan bool)
		go func() { runtime.LockOSThread(); up <- true; <-up }()
		<-up
		defer close(up)
	}
	out, err := exec.Command("sh", "-c", strings.ReplaceAll(machine, "PID", fmt.Sprint(os.Getpid()))).CombinedOutput()
	inherited, err2 := exec.Command("sh", "-c", strings.ReplaceAll(machine, "PID", "self")).CombinedOutput()
	return string(out) + string(inherited), errors.Join(err, err2)
})

// TestResources sets them for a command and for a pool, at each level that can
// be had here. All threads of a worker have them, and what it starts.
func TestResources(t *testing.T) {
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := Resources{NoFile: 99, NoCore: true, Nice: 2, CPUs: []int{0}}
	want := fmt.Sprintf("size 0 0\n99 99 files\n%d\nCpus_allowed_list:\t0\n", 20-raw+r.Nice)
	for _, l := range proc.Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			if l.Err != nil {
				t.Skip("it cannot be had here:", l.Err)
			}
			var out strings.Builder
			c := sh(strings.ReplaceAll(machine, "PID", "self"))
			c.Containment, c.Resources, c.Stdout = string(l.Level), r, &out
			if _, err := c.Run(ctx(t)); err != nil || out.String() != want {
				t.Errorf("a command: %v, %q, want %q", err, out.String(), want)
			}
			p := newPool(t, PoolOptions{Workers: 1, Containment: string(l.Level), Resources: r})
			if got, err := seesMachine.Call(ctx(t), p, struct{}{}); err != nil || got != want+want {
				t.Errorf("a worker: %v, %q, want twice %q", err, got, want)
			}
		})
	}
}

// TestResourcesRefused: by the check, and by the system.
func TestResourcesRefused(t *testing.T) {
	for _, c := range []struct {
		r      Resources
		want   string
		denied bool
	}{
		{Resources{NoFile: -1}, "Resources: NoFile is negative (-1)", false},
		{Resources{Nice: 20}, "Resources: a Nice of 20 is none: use -20 to 19", false},
		{Resources{CPUs: []int{-1}}, "Resources: CPUs: there is no processor -1", false},
		{Resources{NoFile: 1 << 40}, "1099511627776 open files: operation not permitted: the hard limit is", true},
		{Resources{CPUs: []int{1023}}, "processors [1023]: invalid argument: not all of them are to be had", false},
	} {
		cmd := sh("exit 0")
		cmd.Resources = c.r
		if r, err := cmd.Run(ctx(t)); err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, fs.ErrPermission) != c.denied || r.Outcome != NotStarted {
			t.Errorf("a command: %v, %v, want %q", r.Outcome, err, c.want)
		}
		if p, err := NewPool(PoolOptions{Workers: 1, Resources: c.r}); err == nil {
			p.Kill()
			t.Errorf("a pool with %+v", c.r)
		} else if !strings.Contains(err.Error(), c.want) || errors.Is(err, fs.ErrPermission) != c.denied {
			t.Errorf("a pool: %v, want %q", err, c.want)
		}
	}
}
