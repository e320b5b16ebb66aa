package main

import (
	"fmt"
	"os"
	"os/exec"
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

// startBare starts such a process and returns when it runs.
func startBare(what string) (*exec.Cmd, error) {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), bareVar+"="+what)
	ready, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		killAll([]*exec.Cmd{c})
		return nil, err
	}
	return c, nil
}

// killBusy kills n busy processes of this program, one after the other. It
// returns what each kill and wait took.
func killBusy(n int) ([]float64, error) {
	var took []float64
	for range n {
		c, err := startBare("busy")
		if err != nil {
			return nil, err
		}
		time.Sleep(runLimit) // as the calls run
		took = append(took, killAll([]*exec.Cmd{c})...)
	}
	return took, nil
}

// killAtOnce starts n processes and kills them all. It returns how long after
// the first kill each was gone.
func killAtOnce(n int, start func() (*exec.Cmd, error)) ([]float64, error) {
	var cs []*exec.Cmd
	for range n {
		c, err := start()
		if err != nil {
			killAll(cs)
			return nil, err
		}
		cs = append(cs, c)
	}
	time.Sleep(runLimit)
	return killAll(cs), nil
}

// killAll kills and reaps the processes, and tells when each was reaped.
func killAll(cs []*exec.Cmd) []float64 {
	took := make([]float64, len(cs))
	begun := time.Now()
	for _, c := range cs {
		_ = c.Process.Kill()
	}
	for i, c := range cs {
		_ = c.Wait() // says that it was killed
		took[i] = time.Since(begun).Seconds()
	}
	return took
}
