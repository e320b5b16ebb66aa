//go:build unix

package cli

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDemoCtrlC interrupts a running demo as a terminal does and finds nothing
// of it left.
func TestDemoCtrlC(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), "cutoff") // the test binary plays what it is called
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	demo := exec.Command(exe, "demo", "--scale", "1000")
	demo.Stderr = os.Stderr
	stdout, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = demo.Process.Kill() }() // only if something failed
	out := bufio.NewReader(stdout)
	if said, err := out.ReadString(':'); err != nil || !strings.HasPrefix(said, "duration = ") {
		t.Fatalf("printed %q, %v", said, err)
	}
	pids := children(t, demo.Process.Pid)
	if err := demo.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if rest, err := out.ReadString('\n'); rest != " \n" || err != nil {
		t.Errorf("the line ends with %q, %v", rest, err)
	}
	_ = demo.Wait()
	if code := demo.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit status %d, want %d", code, exitInterrupted)
	}
	for _, pid := range pids {
		for end := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("process %s lives on", pid)
			}
		}
	}
}

// children lists the child processes of a process; none where there is no /proc.
func children(t *testing.T, pid int) []string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, f := range files {
		b, _ := os.ReadFile(f)
		pids = append(pids, strings.Fields(string(b))...)
	}
	if len(files) > 0 && len(pids) == 0 {
		t.Fatal("the demo runs nothing")
	}
	return pids
}

// alive reports whether a process exists and is no zombie.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
