package cutoff

import (
	"context"
	"strings"
	"testing"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// TestContainment forces each level that can be had here, for a command and
// for a pool, while trees of the other levels live in the same program.
func TestContainment(t *testing.T) {
	for _, l := range proc.Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			c := sh("exit 0")
			c.Containment = string(l.Level)
			if l.Err != nil {
				if _, err := c.Run(ctx(t)); err == nil || !strings.Contains(err.Error(), "cannot be had") {
					t.Errorf("it cannot be had, and a command says %v", err)
				}
				return
			}
			if r, err := c.Run(ctx(t)); err != nil || r.Containment != string(l.Level) {
				t.Errorf("a command: %v, %+v", err, r)
			}
			p := newPool(t, PoolOptions{Workers: 1, Containment: string(l.Level)})
			if got := p.Stats().Containment; got != string(l.Level) {
				t.Errorf("the pool says %q", got)
			}
			call, err := hostile.Start(ctx(t), p, "unset env")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := call.Wait(); err != nil || call.Result().Containment != string(l.Level) {
				t.Errorf("a call: %v, %+v", err, call.Result())
			}
		})
	}
}

// TestNoSuchContainment: what no system has, and what this one does not have.
func TestNoSuchContainment(t *testing.T) {
	for level, want := range map[string]string{"cgroups": "unknown containment", "job": "cannot be had"} {
		c := sh("exit 0")
		c.Containment = level
		if r, err := c.Run(context.Background()); err == nil || !strings.Contains(err.Error(), want) || r.Outcome != NotStarted {
			t.Errorf("a command at %q: %v, %+v", level, err, r)
		}
		if p, err := NewPool(PoolOptions{Containment: level}); err == nil {
			p.Kill()
			t.Errorf("a pool at %q", level)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("a pool at %q: %v", level, err)
		}
	}
}
