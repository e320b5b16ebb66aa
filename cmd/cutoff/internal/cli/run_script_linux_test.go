package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestRunScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/run",
		Setup: setupRun,
		Cmds:  runCommands,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "gnu":
				return gnuTimeout() != "", nil
			case "root":
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// The runtime's record of ignored signals is found through the symbol table,
// and go test links without one: this takes a build.
func TestRunScriptsBuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "cutoff"), "github.com/cutoff-run/cutoff/cmd/cutoff").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.Symlink("cutoff", filepath.Join(bin, "timeout")); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/run/built",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+":"+env.Getenv("PATH"))
			return setupRun(env)
		},
		Cmds: runCommands,
	})
}

// setupRun gives a script what it needs, and sees to it that what it started
// is gone when it ends, however it ends.
func setupRun(env *testscript.Env) error {
	env.Setenv("GNU", gnuTimeout())
	env.Setenv("LC_ALL", "C")
	env.Setenv("GORACE", noRaceSleep)
	for dir := range strings.SplitSeq(env.Getenv("PATH"), ":") {
		if file := filepath.Join(dir, "timeout"); env.Getenv("TIMEOUT") == "" && isFile(file) {
			env.Setenv("TIMEOUT", file)
		}
	}
	env.Defer(func() { killRecorded(env.WorkDir) })
	return nil
}

func isFile(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && fi.Mode().IsRegular()
}

// killRecorded kills the processes that a script's children recorded in *.pid
// and that are still what they were: they run in the script's directory.
func killRecorded(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.pid"))
	for _, file := range files {
		pid, err := readPID(file)
		if err != nil {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); cwd == dir {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		unix.Close(fd)
	}
}

func readPID(file string) (int, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

var runCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits": cmdExits,
	"dead":  cmdDead,
	"gone":  cmdGone,
	"alive": cmdAlive,
}

// cmdExits runs a program and compares how it ended: "exits 124 PROGRAM
// ARG...", or "exits SIGTERM PROGRAM ARG..." for a death by a signal.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG...]")
	}
	got := "0"
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		ws := exit.Sys().(syscall.WaitStatus)
		if got = strconv.Itoa(ws.ExitStatus()); ws.Signaled() {
			got = unix.SignalName(ws.Signal())
		}
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("%s ended with %s, want %s\nstdout: %sstderr: %s", args[1], got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// cmdDead holds that the processes whose ids stand in the files are dead now.
func cmdDead(ts *testscript.TestScript, neg bool, args []string) { checkDead(ts, args, 0) }

// cmdGone waits for their death, as long as a broken machine may take.
func cmdGone(ts *testscript.TestScript, neg bool, args []string) { checkDead(ts, args, 30_000) }

func checkDead(ts *testscript.TestScript, files []string, ms int) {
	for _, file := range files {
		if !endsWithin(ts, file, ms) {
			ts.Fatalf("the process of %s lives", file)
		}
	}
}

// cmdAlive holds that they live.
func cmdAlive(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		if endsWithin(ts, file, 0) {
			ts.Fatalf("the process of %s is dead", file)
		}
	}
}

// endsWithin reports whether the process is dead within the time: reaped, or
// waiting for it.
func endsWithin(ts *testscript.TestScript, file string, ms int) bool {
	pid, err := readPID(ts.MkAbs(file))
	if err != nil {
		ts.Fatalf("%v", err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return true
	}
	if err != nil {
		ts.Fatalf("pidfd of %d: %v", pid, err)
	}
	defer unix.Close(fd)
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, ms)
		if err != unix.EINTR {
			return n > 0
		}
	}
}
