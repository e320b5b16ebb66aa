package cutoff

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	stallFileVar = "CUTOFF_TEST_STALL_FILE"
	stallLimit   = 2 * time.Second
)

// stallUntil returns when the file is there.
var stallUntil = Register("stall.until", func(_ context.Context, file string) (int, error) {
	for {
		if _, err := os.Stat(file); err == nil {
			return 0, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
})

// The supervisor that is stopped: commands and calls under limits, some of
// which end when the file is there, and some never.
var _ = helper("stalled-supervisor", func() {
	file := os.Getenv(stallFileVar)
	running := make(chan struct{}, 2)
	pool, err := NewPool(PoolOptions{Workers: 2, Limits: Limits{Timeout: stallLimit}, OnEvent: func(e Event) {
		if e.Kind == CallStarted {
			running <- struct{}{}
		}
	}})
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	c, err := stallUntil.Start(context.Background(), pool, file)
	if err != nil {
		panic(err)
	}
	endless, err := stallUntil.Start(context.Background(), pool, file+".never")
	if err != nil {
		panic(err)
	}
	<-running
	<-running
	waits := map[string]func() Result{
		"call":         func() Result { _, _ = c.Wait(); return c.Result() },
		"endless call": func() Result { _, _ = endless.Wait(); return endless.Result() },
	}
	for name, run := range map[string]struct {
		script string
		limits Limits
	}{
		"command":         {"until [ -e " + file + " ]; do sleep 0.02; done", Limits{Timeout: stallLimit}},
		"silent command":  {"until [ -e " + file + " ]; do sleep 0.02; done", Limits{Idle: stallLimit}},
		"endless command": {"exec sleep 1000", Limits{Timeout: stallLimit}},
	} {
		cmd := sh(run.script)
		cmd.Limits = run.limits
		p, err := cmd.Start(context.Background())
		if err != nil {
			panic(err)
		}
		waits[name] = func() Result { r, _ := p.Wait(); return r }
	}
	fmt.Println(`{"Name":"ready"}`)
	var all sync.WaitGroup
	var mu sync.Mutex
	for name, wait := range waits {
		all.Go(func() {
			r := wait()
			mu.Lock()
			defer mu.Unlock()
			_ = json.NewEncoder(os.Stdout).Encode(stallLine{name, r})
		})
	}
	all.Wait()
})

type stallLine struct {
	Name   string
	Result Result
}

// TestSupervisorStopped stops a supervisor past the deadlines of its tasks:
// until long after them, and until a moment after, when it comes to them nearly
// in time. Time is the subject here: the deadlines have to pass.
func TestSupervisorStopped(t *testing.T) {
	for _, after := range []time.Duration{1500 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) { supervisorStopped(t, stallLimit+after) })
	}
}

func supervisorStopped(t *testing.T, span time.Duration) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "go")
	cmd := exec.CommandContext(ctx(t), selfPath())
	cmd.Env = append(os.Environ(), helperEnv(t, "stalled-supervisor"), stallFileVar+"="+file)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no stopped process in our own group
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	got := map[string]Result{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var l stallLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if l.Name != "ready" {
			got[l.Name] = l.Result
			continue
		}
		if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(span)
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]Outcome{
		"call": OK, "endless call": Timeout, "command": OK, "silent command": OK, "endless command": Timeout,
	} {
		r := got[name]
		if r.Outcome != want || r.Stalled < time.Second || r.Stalled > bound {
			t.Errorf("%s: %q, stalled for %v; want %q and more than 1 s\n%+v", name, r.Outcome, r.Stalled, want, r)
		}
		if want == Timeout && r.Wall < stallLimit+2*time.Second {
			t.Errorf("%s: cut off after %v, without its chance", name, r.Wall)
		}
	}
}
