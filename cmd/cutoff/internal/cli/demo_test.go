package cli

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cutoff-run/cutoff"
)

func TestDemoScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/demo"})
}

// TestDemoLimit holds that under the limit of 5.01 s the function of 5 s
// completes and that of 6 s does not.
func TestDemoLimit(t *testing.T) {
	const scale = 0.2 // 5 s have 2 ms to spare: the sleep itself must be what counts
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 1, Limits: cutoff.Limits{Timeout: scaled(5010*time.Millisecond, scale)}})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Kill()
	if out, err := doStuff.Call(t.Context(), pool, stuff{6, scale}); err == nil {
		t.Errorf("6 s under 5.01 s: %q", out)
	}
	// On a starved machine 5 s may take longer than 5.01 s, and then they are
	// rightly cut off: what must hold is that nothing is cut off before.
	c, err := doStuff.Start(t.Context(), pool, stuff{5, scale})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Wait()
	if limit := pool.Limits().Timeout; err != nil && c.Result().Wall < limit {
		t.Errorf("5 s were cut off after %v of %v: %v", c.Result().Wall, limit, err)
	} else if err == nil && out != "slept for 5s" {
		t.Errorf("5 s: %q", out)
	}
}

func TestDemoInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	o := demoOptions{max: time.Hour, scale: 1000, seed: 1}
	err := o.run(ctx, writerFunc(func(b []byte) (int, error) {
		out.Write(b)
		cancel() // in the middle of a line
		return len(b), nil
	}))
	if e, ok := err.(exitError); !ok || e.code != exitInterrupted || e.err != nil {
		t.Errorf("got %v", err)
	}
	if s := out.String(); !bytes.HasSuffix(out.Bytes(), []byte(": \n")) {
		t.Errorf("printed %q", s)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
