package cutoff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// stopped reports whether a process is stopped.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " T")
}

// TestPause pauses two commands for longer than their limits of wall time and
// silence. The clocks stand still meanwhile: the one that ends then is well,
// and the one that does not is cut off.
func TestPause(t *testing.T) {
	const limit = 2 * time.Second
	input, silence, up := newPulse(t), newPulse(t), newPulse(t)
	ends, hangs := sh(`echo >&2; read line`), sh(`echo >&2; read line`)
	ends.Stdin, hangs.Stdin = input.r, silence.r
	var all []*Process
	for _, c := range []Command{ends, hangs} {
		c.Stderr, c.Limits = up.w, Limits{Timeout: limit}
		if len(all) == 0 {
			c.Limits.Idle = limit
			c.Stderr = struct{ *os.File }{up.w} // which is copied, and so seen
		}
		p, err := c.Start(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
		up.wait(1)
		if err := errors.Join(p.Pause(), p.Pause()); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	for _, p := range all { // the signal has been sent; nobody says when it arrives
		for since := time.Now(); !stopped(t, p.PID()) && time.Since(since) < bound; {
			time.Sleep(time.Millisecond)
		}
	}
	began := time.Now()
	for time.Since(began) < limit+limit/4 {
		for i, p := range all {
			if !p.Alive() || !stopped(t, p.PID()) {
				t.Fatalf("command %d is not paused: %+v", i, p.Result())
			}
		}
		time.Sleep(limit / 4) // it is about what does not happen
	}
	for _, p := range all {
		if err := errors.Join(p.Continue(), p.Continue()); err != nil {
			t.Fatal(err)
		}
	}
	input.w.Close()
	res, _ := all[0].Wait()
	if res.Outcome != Failed || res.Stalled < limit || res.Wall < limit { // read saw the end of its input
		t.Errorf("the one that ends: %+v", res)
	}
	res, _ = all[1].Wait()
	if res.Outcome != Timeout || res.Stalled < limit || res.Wall < 2*limit || res.Overshoot > limit {
		t.Errorf("the one that hangs: %+v", res)
	}
	if err := all[0].Pause(); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// A command that is paused can be stopped like any other.
func TestPausedIsStopped(t *testing.T) {
	for _, grace := range []time.Duration{0, bound} {
		up := newPulse(t)
		ctx, cancel := context.WithCancel(context.Background())
		c := sh(`trap 'exit 3' TERM; echo; while :; do sleep .1; done`)
		c.Stdout, c.Limits.Grace = up.w, grace
		p, err := c.Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		up.wait(1)
		if err := p.Pause(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if !p.Join(bound) {
			t.Fatal("it was not stopped")
		}
		if res := p.Result(); res.Outcome != Canceled || (grace > 0) != (res.ExitCode == 3) {
			t.Errorf("grace %v: %+v", grace, res)
		}
		up.gone()
	}
}
