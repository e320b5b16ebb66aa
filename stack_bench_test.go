//go:build unix

package cutoff

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// BenchmarkCutoff measures how late a function is gone after its deadline,
// with the look at where it was and without.
func BenchmarkCutoff(b *testing.B) {
	for _, how := range []string{"spin", "select"} {
		for _, bare := range []bool{false, true} {
			name := how + "/stack"
			if bare {
				name = how + "/bare"
			}
			b.Run(name, func(b *testing.B) {
				p := newPool(b, PoolOptions{Workers: 1, Spares: 1, NoStack: bare, Limits: Limits{Timeout: 20 * time.Millisecond}, Stderr: discard{}})
				var late []time.Duration
				for b.Loop() {
					_, err := stuck.Call(b.Context(), p, how)
					var e *CutoffError
					if !errors.As(err, &e) {
						b.Fatal(err)
					}
					late = append(late, e.Result.Overshoot)
				}
				slices.Sort(late)
				b.ReportMetric(float64(late[len(late)/2].Microseconds()), "µs-late-median")
				b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "µs-late-p99")
			})
		}
	}
}

// BenchmarkCutoffCommand is the same for commands.
func BenchmarkCutoffCommand(b *testing.B) {
	for _, bare := range []bool{false, true} {
		name := "stack"
		if bare {
			name = "bare"
		}
		b.Run(name, func(b *testing.B) {
			var late []time.Duration
			c := Command{Path: "sleep", Args: []string{"60"}, NoStack: bare, Limits: Limits{Timeout: 20 * time.Millisecond}}
			for b.Loop() {
				r, _ := c.Run(b.Context())
				if r.Outcome != Timeout {
					b.Fatalf("got %+v", r)
				}
				late = append(late, r.Overshoot)
			}
			slices.Sort(late)
			b.ReportMetric(float64(late[len(late)/2].Microseconds()), "µs-late-median")
			b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "µs-late-p99")
		})
	}
}

// discard drops what the functions print.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkCommand measures a command that ends at once, its output read.
func BenchmarkCommand(b *testing.B) {
	c := Command{Path: "true", Limits: Limits{Timeout: bound}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
