//go:build unix

package cutoff

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestClosingIsNoFailure: a start that the pool's own end gives up worries
// nobody's log.
func TestClosingIsNoFailure(t *testing.T) {
	var log bytes.Buffer
	for range 10 {
		p, err := NewPool(PoolOptions{Workers: 4, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		if err != nil {
			t.Fatal(err)
		}
		p.Kill() // three workers are still on their way
	}
	if strings.Contains(log.String(), "worker failed") {
		t.Errorf("logged:\n%s", log.String())
	}
}
