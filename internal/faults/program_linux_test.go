package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The real program, built once.
var (
	programOnce sync.Once
	programDir  string
	programErr  error
)

// programVar names a program that is built already.
const programVar = "FAULTS_PROGRAM"

// program returns the path of the cutoff program.
func program(t *testing.T) string {
	t.Helper()
	if p := os.Getenv(programVar); p != "" {
		return p
	}
	programOnce.Do(func() {
		if programDir, programErr = os.MkdirTemp("", "faults"); programErr != nil {
			return
		}
		programErr = os.Chmod(programDir, 0o755) // also for an ordinary user
		cmd := exec.Command("go", "build", "-o", filepath.Join(programDir, "cutoff"), ".")
		cmd.Dir = "../../cmd/cutoff"
		if out, err := cmd.CombinedOutput(); err != nil {
			programErr = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if errors.Is(programErr, os.ErrNotExist) {
		t.Skip("not in a checkout of the project:", programErr)
	}
	if programErr != nil {
		t.Fatal(programErr)
	}
	return filepath.Join(programDir, "cutoff")
}

func removeProgram() {
	if programDir != "" {
		_ = os.RemoveAll(programDir)
	}
}

// script runs a shell script with the program as $C and a directory as $D, and
// returns its exit status and what it said on standard error.
func script(t *testing.T, f family, level, dir, text string, attr *syscall.SysProcAttr) (status int, said string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), f.env(), "CUTOFF_CONTAINMENT="+level, "C="+program(t), "D="+dir)
	cmd.SysProcAttr = attr
	var errs strings.Builder
	cmd.Stderr = &errs
	cmd.WaitDelay = time.Second
	timer := time.AfterFunc(bound, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Skip(err) // no namespace to be had
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}

// small mounts a file system of a few pages on $D, in namespaces of its own.
const small = `mount -t tmpfs -o size=16k none "$D" 2>/dev/null || exit 77; `

// ownMounts gives a script mounts of its own.
func ownMounts() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// TestDisk takes the disk away from journal, output and record: a clear error,
// the status of our own failure, and nothing left running.
func TestDisk(t *testing.T) {
	const many = `seq 300 | "$C" batch -j 2 --progress none `
	const leaving = `'echo {}; (setsid sleep 1000 >/dev/null 2>&1 &)'`
	for _, c := range []struct {
		name, script, says string
	}{
		{"journal fills the disk", small + many + `--journal "$D/j" ` + leaving + ` >/dev/null`, "no space left"},
		{"journal on a read-only disk", small + `mount -o remount,ro "$D"; ` + many + `--journal "$D/j" ` + leaving, "read-only"},
		{"journal is a full device", many + `--journal /dev/full ` + leaving, "no space left"},
		{"output to a full device", many + leaving + ` >/dev/full`, "no space left"},
		{"spool fills the disk", small + `export TMPDIR="$D"; ` + many + `-k 'sleep 0.0{}; head -c 100000 /dev/zero; exit 0' >/dev/null`, "no space left"},
		{"record to a full device", `"$C" run --json /dev/full 60 sh -c ` + `'(setsid sleep 1000 >/dev/null 2>&1 &)'`, "no space left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFamily(t)
			var attr *syscall.SysProcAttr
			if strings.HasPrefix(c.script, small) {
				attr = ownMounts()
			}
			status, said := script(t, f, "auto", t.TempDir(), c.script, attr)
			if status == 77 {
				t.Skip("no mounts to be had")
			}
			if status != 125 || !strings.Contains(said, c.says) {
				t.Errorf("status %d, want 125 and something about %q:\n%s", status, c.says, said)
			}
			if left, _ := f.gone(); len(left) > 0 {
				t.Errorf("alive after a second: %q", left)
			}
		})
	}
}

// ready reports whether a program's first tree is on its way, with its keeper.
// (There is none at the level of PID namespaces, and none is needed.)
func ready(kids map[int]string, level string) bool {
	return has(kids, keeperName) || level == "pidns" && len(kids) > 0
}

// TestProgramKilled kills the program's batch at random instants.
func TestProgramKilled(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		rnd := newRand(t)
		exe := program(t)
		rounds := max(3, *tasks/100)
		lines := strings.Repeat("(setsid sleep 1000 &); sleep 1000\nexit 0\nexit 3\n", 50)
		var slowest time.Duration
		var all []int
		for range rounds {
			f := newFamily(t)
			path := filepath.Join(t.TempDir(), "journal")
			cmd := exec.Command(exe, "batch", "-j", "4", "-t", "20ms", "--progress", "none", "--journal", path)
			cmd.Env = append(os.Environ(), f.env(), "CUTOFF_CONTAINMENT="+level)
			cmd.Stdin = strings.NewReader(lines)
			cmd.WaitDelay = time.Second
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all = append(all, cmd.Process.Pid)
			for end := time.Now().Add(bound); !ready(offspring(cmd.Process.Pid), level); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it starts nothing")
				}
			}
			time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond) // the random instant
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			left, took := f.gone()
			slowest = max(slowest, took)
			if len(left) > 0 {
				t.Errorf("alive a second after the program's death: %q", left)
			}
			s, err := readStory(path)
			if err != nil && !errors.Is(err, os.ErrNotExist) { // killed before it had begun
				t.Error(err)
			}
			for id, ends := range s.ends {
				if len(ends) != 1 || s.starts[id] != 1 {
					t.Errorf("task %d: %d starts, the ends %q", id, s.starts[id], ends)
				}
			}
			if open := len(s.starts) - len(s.ends); open < 0 || open > 4 {
				t.Errorf("%d tasks have a start and no end", open)
			}
		}
		if left := cgroupsOf(all); len(left) > 0 {
			t.Errorf("cgroups are left: %q", left)
		}
		t.Logf("faults: uid %d, %s: cutoff batch killed %d times, all gone within %v", os.Getuid(), level, rounds, slowest.Round(time.Millisecond))
	})
}
