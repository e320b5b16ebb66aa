// Package progress shows on standard error how a batch is doing: on a terminal
// a few lines that are drawn over and over, elsewhere a line for each task that
// did not go well and one every half minute, so that nobody takes a long silence
// for the end; or JSON for programs.
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
	liveEvery  = 100 * time.Millisecond
	plainEvery = 30 * time.Second
	jsonEvery  = time.Second
	idRunes    = 60 // what is shown of a task's id at most
)

// View shows a running batch. Its methods may be called by several goroutines.
type View struct {
	how   mode
	size  func() (columns, rows int) // of the terminal, for the live view
	style style
	start time.Time
	quit  chan struct{}
	gone  chan struct{}

	mu       sync.Mutex
	screen   screen
	total    int64     // the tasks of the input; 0: not known
	latest   time.Time // when the batch ends at the latest; zero: not known
	counts   map[cutoff.Outcome]int64
	done     int64
	skipped  int64 // of those, before this run
	time     time.Duration
	cutTime  time.Duration // of that, for attempts that were cut off
	samples  []sample
	running  map[int64]running
	waiting  map[int64]struct{} // to run again
	stopping bool
	reason   string    // of the last task that did not start
	open     bool      // the last line on the terminal is a task's and not ended
	hidden   time.Time // since when the program is stopped; zero: it is not
}

// mode is how a view shows what it knows.
type mode int

const (
	modePlain mode = iota
	modeLive
	modeJSON
)

// running is an attempt that runs.
type running struct {
	seq     int64
	id      string
	since   time.Time
	timeout time.Duration
	grace   time.Duration
}

// Plain shows lines on out.
func Plain(out io.Writer) *View {
	return start(&View{how: modePlain, screen: screen{out: out}}, plainEvery)
}

// Live shows lines at the end of the terminal out.
func Live(out io.Writer, t Terminal) *View {
	return start(&View{how: modeLive, screen: screen{out: out}, size: t.Size, style: t.style()}, liveEvery)
}

// JSON writes a [Status] in a line each second and at the end.
func JSON(out io.Writer) *View {
	return start(&View{how: modeJSON, screen: screen{out: out}}, jsonEvery)
}

func start(v *View, every time.Duration) *View {
	v.start = time.Now()
	v.quit, v.gone = make(chan struct{}), make(chan struct{})
	v.counts, v.running, v.waiting = map[cutoff.Outcome]int64{}, map[int64]running{}, map[int64]struct{}{}
	v.look(v.start)
	go v.tick(every)
	return v
}

// IsLive reports whether the view stands on a terminal.
func (v *View) IsLive() bool { return v.how == modeLive }

// Expect tells how many tasks there are, and when the batch ends at the
// latest. Zero stands for what is not known. It reports whether the view shows
// it.
func (v *View) Expect(tasks int64, latest time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.total, v.latest = tasks, latest
	return v.how != modePlain
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
			v.look(time.Now())
			v.show()
			v.mu.Unlock()
		}
	}
}

// Close ends the view and takes its lines off the terminal. Call it once, when the
// batch has ended.
func (v *View) Close() {
	close(v.quit)
	<-v.gone
	v.mu.Lock()
	defer v.mu.Unlock()
	switch v.how {
	case modeJSON:
		v.show()
	case modeLive:
		v.clear()
		if v.open {
			v.print("\n") // what follows begins on a line of its own
		}
	}
}

// Event takes notice of what happened. It is a batch's OnEvent.
func (v *View) Event(e batch.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e.Kind {
	case batch.Started:
		delete(v.waiting, e.Attempt.Seq)
		v.running[e.Attempt.Seq] = running{
			e.Attempt.Seq, OneLine(e.Attempt.Task.ID, idRunes), time.Now(), e.Attempt.Limits.Timeout, e.Attempt.Limits.Grace,
		}
	case batch.Ended:
		delete(v.running, e.Attempt.Seq)
		delete(v.waiting, e.Attempt.Seq)
		v.counts[e.Result.Outcome]++
		v.done++
		v.spent(e.Result)
		if v.how == modePlain {
			v.tell(e)
		}
	case batch.Skipped:
		v.counts[e.Result.Outcome]++
		v.done++
		v.skipped++
	case batch.Retrying:
		delete(v.running, e.Attempt.Seq)
		v.waiting[e.Attempt.Seq] = struct{}{}
		v.spent(e.Result)
		if v.how == modePlain && !e.NextPass {
			v.tellRetry(e)
		}
	case batch.Stopping:
		v.stopping = true
	}
}

// spent counts the time of an attempt.
func (v *View) spent(r cutoff.Result) {
	v.time += r.Wall
	if r.Outcome.CutOff() {
		v.cutTime += r.Wall
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

// show shows how it stands. v.mu is held.
func (v *View) show() {
	now := time.Now()
	switch {
	case v.how == modePlain:
		v.print("cutoff: " + v.status() + "\n")
	case v.how == modeJSON:
		v.print(v.json(now))
	case !v.open && v.hidden.IsZero(): // never into the middle of a task's line
		columns, rows := v.size()
		v.screen.draw(v.frame(now, columns-1, rows-1), columns)
	}
}

// status is the state of the batch in a line, short enough for 80 columns: the
// counts that are not zero, and what holds everything up.
func (v *View) status() string {
	now := time.Now()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", Duration(now.Sub(v.start)), Count(v.done))
	if v.total > 0 {
		b.WriteString(" of " + Count(v.total))
	}
	b.WriteString(" done")
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
	longest := v.longest(1)[0]
	fmt.Fprintf(&b, ", %d running, longest %s: %s", len(v.running), Spent(now.Sub(longest.since), longest.timeout), longest.id)
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

// Hide is for the time when the program and its tasks are stopped: it takes the
// view's lines off the terminal.
func (v *View) Hide() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hidden = time.Now()
	if v.how == modeLive {
		v.clear()
	}
}

// Show is the end of Hide. The time between counts for no task.
func (v *View) Show() {
	v.mu.Lock()
	defer v.mu.Unlock()
	away := time.Since(v.hidden)
	v.hidden = time.Time{}
	for seq, r := range v.running {
		r.since = r.since.Add(away)
		v.running[seq] = r
	}
}

// Writer returns a writer to w, which leads to the terminal of the live view:
// what is written stands above the view's lines and never beside them.
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

// clear takes the view's lines away. v.mu is held.
func (v *View) clear() {
	columns, _ := v.size()
	v.screen.clear(columns)
}

func (v *View) print(s string) { v.screen.print(s) }
