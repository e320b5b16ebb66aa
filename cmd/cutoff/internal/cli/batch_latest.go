package cli

import (
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

// tellLatest says when the batch ends at the latest, where that can be
// promised: at the end of its budget, or because all tasks are known and each
// of them has a time limit.
func (o *batchOptions) tellLatest(w io.Writer, tasks iter.Seq2[batch.Task, error], finite bool, opts batch.Options) {
	if o.progress == "none" {
		return
	}
	if !finite || len(o.again.filters) > 0 { // they can be read once
		tasks = nil
	}
	latest, ok := batch.Latest(tasks, opts)
	if !ok || latest == 0 {
		return
	}
	end := time.Now().Add(latest + time.Second - 1) // never before it, when written in seconds
	layout := time.TimeOnly
	switch {
	case latest > 100*365*24*time.Hour:
		return
	case latest > 12*time.Hour:
		layout = time.DateTime
	}
	fmt.Fprintf(w, "cutoff: ends in %s at the latest, at %s\n", progress.Duration(latest), end.Format(layout))
}
