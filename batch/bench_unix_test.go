//go:build unix

package batch_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/journal"
)

// BenchmarkCommands runs commands that end at once, each with all that a batch
// has for it: two slots, a limit, a temporary directory, a journal.
func BenchmarkCommands(b *testing.B) {
	const n = 1000
	b.ReportAllocs()
	for b.Loop() {
		dir := b.TempDir()
		w, err := journal.Create(filepath.Join(dir, "journal.jsonl"), journal.Header{}, journal.Options{})
		if err != nil {
			b.Fatal(err)
		}
		sum, err := batch.Run(b.Context(), batch.CommandRunner{TempDirs: batch.NewTempDirs(dir), Commands: &batch.Commands{}},
			func(yield func(batch.Task, error) bool) {
				for range n {
					if !yield(batch.Task{Argv: []string{"true"}}, nil) {
						return
					}
				}
			},
			batch.Options{Slots: 2, Limits: cutoff.Limits{Timeout: time.Minute}, Journal: w})
		if err != nil || sum.Outcomes[cutoff.OK] != n {
			b.Fatal(sum, err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/task")
}
