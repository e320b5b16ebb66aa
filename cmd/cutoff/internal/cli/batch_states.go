package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

// mostStates is how many tasks are shown in full: a user who asks wants to see
// what hangs, and that runs longest.
const mostStates = 20

// showStates writes what runs, with its process tree, to standard error.
func showStates(c *batch.Commands, view *progress.View) {
	text := statesText(c.States(), time.Now())
	if view != nil && view.IsLive() {
		_, _ = view.Writer(os.Stderr).Write([]byte(text)) // as for the view itself
		return
	}
	_, _ = os.Stderr.WriteString(text)
}

func statesText(states []batch.CommandState, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cutoff: running: %s\n", progress.Counted(int64(len(states)), "task"))
	for i, s := range states {
		if i == mostStates {
			fmt.Fprintf(&b, "and %s more\n", progress.Count(int64(len(states)-mostStates)))
			break
		}
		spent := progress.Spent(now.Sub(s.Started), s.Attempt.Limits.Timeout)
		fmt.Fprintf(&b, "%s, for %s\n", progress.OneLine(s.Attempt.Task.ID, 200), spent)
		for line := range strings.Lines(s.Tree) {
			b.WriteString(progress.OneLine(strings.TrimSuffix(line, "\n"), 300) + "\n")
		}
	}
	return b.String()
}
