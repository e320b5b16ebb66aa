//go:build unix

package batch

import (
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
	var c Commands
	c.starts.RLock() // p is being started
	paused := make(chan struct{})
	go func() {
		defer close(paused)
		if err := c.Pause(); err != nil {
			t.Error(err)
		}
	}()
	for c.starts.TryRLock() { // until Pause waits
		c.starts.RUnlock()
		select {
		case <-paused:
			t.Fatal("paused without the command that starts")
		case <-time.After(time.Millisecond):
		}
	}
	c.add(p, Attempt{})
	c.starts.RUnlock()
	<-paused
	if err := c.Continue(); err != nil {
		t.Error(err)
	}
}
