package cutoff

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestStuckCommand shows what is told of a command that a limit stops.
func TestStuckCommand(t *testing.T) {
	patient(t)
	// The limit comes when the child is there, and not by the clock.
	const script = `sleep 60 & until read name < /proc/$!/comm && [ "$name" = sleep ]; do :; done; head -c 100000 /dev/zero; wait`
	for _, grace := range []time.Duration{0, time.Millisecond} {
		r, err := Command{Path: "sh", Args: []string{"-c", script}, Limits: Limits{Output: 1000, Grace: grace}}.Run(ctx(t))
		if e := errorAs[*CutoffError](t, err); r.Outcome != Output || e.Result.Stack != r.Stack {
			t.Fatalf("got %+v", r)
		}
		lines := strings.Split(r.Stack, "\n")
		if len(lines) < 3 || !strings.Contains(lines[1], " sh -c sleep 60") || !strings.Contains(r.Stack, "  sleep 60\n") && !strings.HasSuffix(r.Stack, "  sleep 60") {
			t.Errorf("grace %v: got\n%s", grace, r.Stack)
		}
	}

	spinning := Command{Path: "sh", Args: []string{"-c", "while :; do :; done"}, Limits: Limits{CPU: 100 * time.Millisecond}}
	if r, _ := spinning.Run(ctx(t)); r.Outcome != CPU || r.StuckIn() != "sh" {
		t.Errorf("stuck in %q, want sh:\n%s", r.StuckIn(), r.Stack)
	}
	spinning.NoStack = true
	if r, _ := spinning.Run(ctx(t)); r.Outcome != CPU || r.Stack != "" || r.StuckIn() != "" {
		t.Errorf("nobody wanted to know: %+v", r)
	}
	canceled, cancel := context.WithCancel(ctx(t))
	p, err := Command{Path: "sleep", Args: []string{"60"}}.Start(canceled)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if r, _ := p.Wait(); r.Outcome != Canceled || r.Stack != "" {
		t.Errorf("canceled: %+v", r)
	}
}
