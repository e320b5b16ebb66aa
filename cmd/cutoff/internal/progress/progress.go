// Package progress shows on standard error how a batch is doing: on a terminal
// one line that is drawn over and over, elsewhere a line for each task that did
// not go well and one every half minute, so that nobody takes a long silence
// for the end.
//
// Its cost for each task does not depend on how many there are: it knows the
// counts and the attempts that run now.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

const (
	lineEvery  = 100 * time.Millisecond
	plainEvery = 30 * time.Second
	idRunes    = 60 // what is shown of a task's id at most
)

// Terminal control: back to the first column and clear the line; and no
// automatic wrap while the status line is written, since a line that wraps
// cannot be drawn over.
const (
	clearLine = "\r\x1b[K"
	wrapOff   = "\x1b[?7l"
	wrapOn    = "\x1b[?7h"
)

// View shows a running batch. Its methods may be called by several goroutines.
type View struct {
	out   io.Writer
	width func() int // of the terminal; nil for the plain view
	start time.Time
	quit  chan struct{}
	gone  chan struct{}

	mu       sync.Mutex
	counts   map[cutoff.Outcome]int64
	done     int64
	running  map[int64]running
	waiting  map[int64]struct{} // to run again
	stopping bool
	reason   string // of the last task that did not start
	drawn    bool   // the status line stands on the terminal
	open     bool   // the last line on the terminal is a task's and not ended
}

// running is an attempt that runs.
type running struct {
	id      string
	since   time.Time
	timeout time.Duration
}

// Plain shows lines on out.
func Plain(out io.Writer) *View { return start(out, nil, plainEvery) }

// Line shows a status line on the terminal out, which is width columns wide at
// the moment.
func Line(out io.Writer, width func() int) *View { return start(out, width, lineEvery) }

func start(out io.Writer, width func() int, every time.Duration) *View {
	v := &View{
		out: out, width: width, start: time.Now(),
		quit: make(chan struct{}), gone: make(chan struct{}),
		counts: map[cutoff.Outcome]int64{}, running: map[int64]running{}, waiting: map[int64]struct{}{},
	}
	go v.tick(every)
	return v
}

func (v *View) tick(every time.Duration) {
	defer close(v.gone)
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-v.quit:
			return
		case <-t.C:
			v.mu.Lock()
			v.show()
			v.mu.Unlock()
		}
	}
}

// Close ends the view and takes the status line away. Call it once, when the
// batch has ended.
func (v *View) Close() {
	close(v.quit)
	<-v.gone
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clear()
	if v.width != nil && v.open {
		v.print("\n") // what follows begins on a line of its own
	}
}

// Event takes notice of what happened. It is a batch's OnEvent.
func (v *View) Event(e batch.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e.Kind {
	case batch.Started:
		delete(v.waiting, e.Attempt.Seq)
		v.running[e.Attempt.Seq] = running{OneLine(e.Attempt.Task.ID, idRunes), time.Now(), e.Attempt.Limits.Timeout}
	case batch.Ended:
		delete(v.running, e.Attempt.Seq)
		delete(v.waiting, e.Attempt.Seq)
		v.counts[e.Result.Outcome]++
		v.done++
		if v.width == nil {
			v.tell(e)
		}
	case batch.Skipped:
		v.counts[e.Result.Outcome]++
		v.done++
	case batch.Retrying:
		delete(v.running, e.Attempt.Seq)
		v.waiting[e.Attempt.Seq] = struct{}{}
		if v.width == nil && !e.NextPass {
			v.tellRetry(e)
		}
	case batch.Stopping:
		v.stopping = true
	}
}

// tell writes a line about a task that did not go well. A reason that keeps
// all tasks from starting is told once, and the verdict counts them; so it does
// for what an interruption ended.
func (v *View) tell(e batch.Event) {
	id := OneLine(e.Attempt.Task.ID, 4*idRunes)
	switch e.Result.Outcome {
	case cutoff.OK, cutoff.Canceled:
	case cutoff.NotStarted:
		if reason := Ending(e); !v.stopping && reason != v.reason {
			v.reason = reason
			v.print(fmt.Sprintf("cutoff: not started: %s: %s\n", id, reason))
		}
	case cutoff.Failed, cutoff.Crashed:
		v.print(fmt.Sprintf("cutoff: failed (%s) after %s: %s\n", Ending(e), Duration(e.Result.Wall), id))
	default:
		v.print(fmt.Sprintf("cutoff: cut off (%s) after %s: %s\n", Ending(e), Duration(e.Result.Wall), id))
	}
}

// tellRetry writes a line about a task that runs again for its outcome. Of a
// pass that has another behind it that would be a line for each hard task: it
// is the rule there.
func (v *View) tellRetry(e batch.Event) {
	what := "failed"
	if e.Result.Outcome.CutOff() {
		what = "cut off"
	}
	v.print(fmt.Sprintf("cutoff: %s (%s) after %s, runs again in %s: %s\n",
		what, Ending(e), Duration(e.Result.Wall), Duration(e.Wait), OneLine(e.Attempt.Task.ID, 4*idRunes)))
}

// show draws the status. v.mu is held.
func (v *View) show() {
	if v.width == nil {
		v.print("cutoff: " + v.status() + "\n")
		return
	}
	if v.open {
		return // never into the middle of a task's line
	}
	line := []rune(v.status())
	if room := v.width() - 1; len(line) > room {
		line = line[:max(room, 0)]
	}
	v.print(clearLine + wrapOff + string(line) + wrapOn)
	v.drawn = true
}

// status is the state of the batch in a line, short enough for 80 columns: the
// counts that are not zero, and what holds everything up.
func (v *View) status() string {
	now := time.Now()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s done", Duration(now.Sub(v.start)), Count(v.done))
	for _, c := range v.shown() {
		if c.n > 0 {
			fmt.Fprintf(&b, ", %s %s", Count(c.n), c.name)
		}
	}
	if n := len(v.waiting); n > 0 {
		fmt.Fprintf(&b, ", %s to run again", Count(int64(n)))
	}
	if v.stopping {
		b.WriteString(", stopping")
	}
	if len(v.running) == 0 {
		return b.String()
	}
	var longest running
	for _, r := range v.running {
		if longest.since.IsZero() || r.since.Before(longest.since) {
			longest = r
		}
	}
	fmt.Fprintf(&b, ", %d running, longest %s", len(v.running), Duration(now.Sub(longest.since)))
	if longest.timeout > 0 {
		b.WriteString(" of " + Duration(longest.timeout))
	}
	b.WriteString(": " + longest.id)
	return b.String()
}

// counted is a number of tasks and what became of them.
type counted struct {
	n    int64
	name string
}

// shown are the counts of a status, but for those that went well.
func (v *View) shown() []counted {
	var cutOff int64
	for o, n := range v.counts {
		if o.CutOff() {
			cutOff += n
		}
	}
	return []counted{
		{cutOff, "cut off"},
		{v.counts[cutoff.Failed], "failed"},
		{v.counts[cutoff.Crashed], "crashed"},
		{v.counts[cutoff.Canceled], "canceled"},
		{v.counts[cutoff.NotStarted], "not started"},
	}
}

// Writer returns a writer to w, which leads to the terminal of the status
// line: what is written stands before the status line and never beside it.
func (v *View) Writer(w io.Writer) io.Writer { return &writer{v, w} }

type writer struct {
	v *View
	w io.Writer
}

func (w *writer) Write(p []byte) (int, error) {
	w.v.mu.Lock()
	defer w.v.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	w.v.clear()
	n, err := w.w.Write(p)
	if n > 0 {
		w.v.open = p[n-1] != '\n'
	}
	return n, err
}

// clear takes the status line away. v.mu is held.
func (v *View) clear() {
	if v.drawn {
		v.print(clearLine)
		v.drawn = false
	}
}

// print writes to the view's own output. That it cannot be written is no
// reason to end a batch.
func (v *View) print(s string) { _, _ = io.WriteString(v.out, s) }
