//go:build unix

package batch

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

// TestPauseWaitsForStarts: a command that is just starting is paused too. The
// program may stand still as soon as Pause has returned.
func TestPauseWaitsForStarts(t *testing.T) {
	p, err := cutoff.Command{Path: "sleep", Args: []string{"1000"}}.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		p.Kill()
		_, _ = p.Wait()
	}()
	var (
		c      Commands
		known  atomic.Bool
		paused = make(chan struct{})
		start  = c.begin()
	)
	go func() {
		defer close(paused)
		if err := c.Pause(); err != nil {
			t.Error(err)
		}
		if !known.Load() {
			t.Error("paused without the command that starts")
		}
	}()
	for !c.isPaused() {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // for one that does not wait to show it
	known.Store(true)
	c.add(p, Attempt{})
	c.end(start)
	<-paused
	if err := c.Continue(); err != nil {
		t.Error(err)
	}
}

// TestStartThatHangs: a command whose start hangs holds up nobody.
func TestStartThatHangs(t *testing.T) {
	var c Commands
	hung := c.begin()
	defer c.end(hung)
	if s := c.States(); len(s) != 0 {
		t.Errorf("states of nobody: %v", s)
	}
	if err := c.Pause(); err != nil {
		t.Error(err)
	}
	if err := c.Continue(); err != nil {
		t.Error(err)
	}
	p, err := c.start(t.Context(), cutoff.Command{Path: "true"}, Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
}

func (c *Commands) isPaused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused
}
