package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/internal/proc"
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
			case "nproc":
				return proc.Resources{Processes: 1}.Check() == nil, nil
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
	env.Setenv("GORACE", os.Getenv("GORACE")) // see package leak
	env.Setenv("PATH", searchable(env.Getenv("PATH")))
	for dir := range strings.SplitSeq(env.Getenv("PATH"), ":") {
		if file := filepath.Join(dir, "timeout"); env.Getenv("TIMEOUT") == "" && isFile(file) {
			env.Setenv("TIMEOUT", file)
		}
	}
	env.Defer(func() { killRecorded(env.WorkDir) })
	return nil
}

// searchable is path without what this user may not search: there a command that
// is not found counts as one that may not be run.
func searchable(path string) string {
	var dirs []string
	for dir := range strings.SplitSeq(path, ":") {
		if _, err := os.Stat(filepath.Join(dir, "x")); !errors.Is(err, fs.ErrPermission) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, ":")
}

func isFile(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && fi.Mode().IsRegular()
}

// killRecorded kills the processes that a script's children recorded in *.pid.
func killRecorded(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.pid"))
	for _, file := range files {
		fd, err := openRecorded(file)
		if err != nil {
			continue
		}
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		unix.Close(fd)
	}
}

// recordedPID returns the pid of the process that wrote its own into a file of
// its directory, or unix.ESRCH if it is gone. What it wrote may be its pid in
// another PID namespace: so it is looked for by what it calls itself, and where
// it works.
func recordedPID(file string) (int, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	own := strings.TrimSpace(string(b))
	if _, err := strconv.Atoi(own); err != nil {
		return 0, err
	}
	dir, err := os.Stat(filepath.Dir(file))
	if err != nil {
		return 0, err
	}
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		if cwd, err := os.Stat(p + "/cwd"); err == nil && os.SameFile(cwd, dir) && ownPID(p) == own {
			return strconv.Atoi(filepath.Base(p))
		}
	}
	return 0, unix.ESRCH
}

// openRecorded returns a pidfd of it.
func openRecorded(file string) (fd int, err error) {
	pid, err := recordedPID(file)
	if err != nil {
		return -1, err
	}
	if fd, err = unix.PidfdOpen(pid, 0); err != nil {
		return -1, err
	}
	if again, err := recordedPID(file); err != nil || again != pid { // another has taken its place
		unix.Close(fd)
		return -1, unix.ESRCH
	}
	return fd, nil
}

// ownPID returns the pid of a process as it knows it, in the innermost of its
// PID namespaces.
func ownPID(proc string) string {
	b, _ := os.ReadFile(proc + "/status")
	_, rest, _ := strings.Cut(string(b), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	if pids := strings.Fields(line); len(pids) > 0 {
		return pids[len(pids)-1]
	}
	return ""
}

var runCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits":   cmdExits,
	"cut":     cmdCut,
	"dead":    cmdDead,
	"gone":    cmdGone,
	"alive":   cmdAlive,
	"sigkill": cmdSigkill,
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

// cmdCut is cmdExits with the cutoff at the instant when the command is ready for
// it: when it has written a line to the fifo "ready". ALRM is the cutoff. It
// cannot send that itself: in a PID namespace it does not know its parent.
func cmdCut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: cut STATUS PROGRAM [ARG...]")
	}
	// The one that waits is in a session of its own: in ours its end would orphan
	// our group, with its parent in another, and the kernel sends SIGHUP to all of
	// an orphaned group if one of it is stopped, as other tests' processes are.
	const script = `setsid sh -c 'read x <ready; test "$x" = never || kill -ALRM $1' sh $$ >/dev/null 2>&1 & exec "$@"`
	ready := ts.MkAbs("ready")
	if err := unix.Mkfifo(ready, 0o600); err != nil && err != unix.EEXIST {
		ts.Fatalf("%s: %v", ready, err)
	}
	defer func() { // if it still waits
		if f, err := os.OpenFile(ready, os.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
			_, _ = f.WriteString("never\n")
			f.Close()
		}
	}()
	cmdExits(ts, false, append([]string{args[0], "sh", "-c", script, "sh"}, args[1:]...))
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

// cmdSigkill kills them.
func cmdSigkill(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		fd, err := openRecorded(ts.MkAbs(file))
		if err != nil {
			ts.Fatalf("%s: %v", file, err)
		}
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		unix.Close(fd)
	}
}

// endsWithin reports whether the process is dead within the time: reaped, or
// waiting for it.
func endsWithin(ts *testscript.TestScript, file string, ms int) bool {
	ended, err := recordedEnds(ts.MkAbs(file), ms)
	if err != nil {
		ts.Fatalf("%s: %v", file, err)
	}
	return ended
}

// recordedEnds does so for the process that a file records.
func recordedEnds(file string, ms int) (bool, error) {
	fd, err := openRecorded(file)
	if err == unix.ESRCH {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, ms)
		if err != unix.EINTR {
			return n > 0, nil
		}
	}
}
