package cli

import (
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

// view decides where output and progress go. It returns nil for no progress.
func (o *batchOptions) view(opts *batch.Options) (*progress.View, error) {
	opts.Stdout, opts.Stderr = os.Stdout, os.Stderr
	how := o.progress
	if how == "auto" {
		how = "plain"
		if liveTerminal() {
			how = "bar"
		}
	}
	switch how {
	case "none":
		return nil, nil
	case "plain":
		return progress.Plain(os.Stderr), nil
	case "json":
		return progress.JSON(os.Stderr), nil
	case "bar":
		return liveView(opts)
	}
	return nil, usagef("--progress %s: use auto, bar, plain, json or none", quote(o.progress))
}

// liveTerminal reports whether standard error is a terminal that can be drawn
// on.
func liveTerminal() bool {
	t := os.Getenv("TERM")
	return term.IsTerminal(int(os.Stderr.Fd())) && t != "" && t != "dumb"
}

// liveView puts the tasks' output above the view, as far as it goes to a
// terminal as well.
func liveView(opts *batch.Options) (*progress.View, error) {
	fd := int(os.Stderr.Fd())
	if !term.IsTerminal(fd) {
		return nil, usagef("--progress bar: standard error is no terminal: use plain or json")
	}
	view := progress.Live(os.Stderr, progress.Terminal{
		Size: func() (columns, rows int) {
			columns, rows, err := term.GetSize(fd)
			if err != nil || columns < 1 || rows < 1 { // some terminals do not know it
				return 80, 24
			}
			return columns, rows
		},
		Unicode: unicodeLocale(),
		Color:   os.Getenv("NO_COLOR") == "",
	})
	opts.Stderr = view.Writer(os.Stderr)
	if term.IsTerminal(int(os.Stdout.Fd())) {
		opts.Stdout = view.Writer(os.Stdout)
	}
	return view, nil
}

// unicodeLocale reports whether the user's terminal shows UTF-8, as far as the
// environment tells.
func unicodeLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}

func closeView(v *progress.View) {
	if v != nil {
		v.Close()
	}
}

// outlook is what is known of a batch before it begins.
type outlook struct {
	tasks  int64         // how many; 0: not known
	latest time.Duration // until its end at the latest; 0: not known
}

// lookAhead reads the tasks beforehand, if they can be read twice, and finds
// out when the batch ends at the latest, where that can be promised: at the end
// of its budget, or because all tasks are known and each of them has a time
// limit.
func (o *batchOptions) lookAhead(tasks iter.Seq2[batch.Task, error], opts batch.Options) (known outlook) {
	if o.progress == "none" {
		return known
	}
	if tasks != nil {
		for _, err := range tasks {
			if err != nil {
				return outlook{} // the run will tell
			}
			known.tasks++
		}
	}
	const tooLong = 100 * 365 * 24 * time.Hour
	if latest, ok := batch.Latest(tasks, opts); ok && latest < tooLong {
		known.latest = latest
	}
	return known
}

// tell tells it to the view, or where there is none that shows it, to the
// user.
func (k outlook) tell(w io.Writer, view *progress.View) {
	if view == nil {
		return
	}
	var end time.Time
	if k.latest > 0 {
		end = time.Now().Add(k.latest)
	}
	if view.Expect(k.tasks, end) || k.latest == 0 {
		return
	}
	layout := time.TimeOnly
	if k.latest > 12*time.Hour {
		layout = time.DateTime
	}
	end = end.Add(time.Second - 1) // never before it, when written in seconds
	fmt.Fprintf(w, "cutoff: ends in %s at the latest, at %s\n", progress.Duration(k.latest), end.Format(layout))
}
