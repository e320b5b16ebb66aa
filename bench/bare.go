package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// What killing takes without us: processes that os/exec starts, and a SIGKILL.

// bareVar makes this program a process to be killed: a busy or an idle one.
const bareVar = "CUTOFF_BENCH_BARE"

// bareLife is after how long such a process ends if nobody kills it.
const bareLife = 5 * time.Minute

func playBare() {
	what := os.Getenv(bareVar)
	if what == "" {
		return
	}
	time.AfterFunc(bareLife, func() { os.Exit(1) })
	fmt.Println("ready")
	for what == "busy" {
	}
	select {}
}

// victim is a process that is to be killed.
type victim struct {
	*exec.Cmd
	cgroup string // its own, which is removed; empty: it has none
}

// startBare starts such a process and returns when it runs.
func startBare(what string) (victim, error) {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), bareVar+"="+what)
	ready, err := c.StdoutPipe()
	if err != nil {
		return victim{}, err
	}
	if err := c.Start(); err != nil {
		return victim{}, err
	}
	v := victim{Cmd: c}
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		killAll([]victim{v})
		return victim{}, err
	}
	return v, nil
}

// killBusy kills n busy processes of this program, one after the other. It
// returns what each kill and wait took.
func killBusy(n int) ([]float64, error) {
	var took []float64
	for range n {
		v, err := startBare("busy")
		if err != nil {
			return nil, err
		}
		time.Sleep(runLimit) // as the calls run
		took = append(took, killAll([]victim{v})...)
	}
	return took, nil
}

// killAtOnce starts n processes and kills them all. It returns how long after
// the first kill each was gone.
func killAtOnce(n int, start func() (victim, error)) ([]float64, error) {
	var vs []victim
	for range n {
		v, err := start()
		if err != nil {
			killAll(vs)
			return nil, err
		}
		vs = append(vs, v)
	}
	time.Sleep(runLimit)
	return killAll(vs), nil
}

// killAll kills and reaps the processes, and tells when each was reaped, and its
// cgroup removed.
func killAll(vs []victim) []float64 {
	took := make([]float64, len(vs))
	begun := time.Now()
	for _, v := range vs {
		v.kill()
	}
	for i, v := range vs {
		_ = v.Wait() // says that it was killed
		if v.cgroup != "" {
			_ = os.Remove(v.cgroup)
		}
		took[i] = time.Since(begun).Seconds()
	}
	return took
}

func (v victim) kill() {
	if v.cgroup == "" || os.WriteFile(filepath.Join(v.cgroup, "cgroup.kill"), []byte("1"), 0) != nil {
		_ = v.Process.Kill()
	}
}
