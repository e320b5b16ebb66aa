package batch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cutoff-run/cutoff"
)

// Commands are those of a [CommandRunner] that run now. The zero value is
// ready; its methods may be called by several goroutines.
type Commands struct {
	mu       sync.Mutex
	paused   bool
	starting map[chan struct{}]struct{} // each is closed when its start is over
	running  map[*cutoff.Process]begun
}

// begun is an attempt that has started.
type begun struct {
	attempt Attempt
	at      time.Time
}

// startBound is how long Pause waits for a command that is just starting.
const startBound = time.Second

// Pause pauses what runs, and what starts until Continue, and their clocks with
// them: see cutoff.Process.Pause. The batch itself goes on, and so do its
// budget and the waits of its retries.
//
// It waits up to a second for commands that are just starting: one that has begun
// its work, and is not known yet, would go on while the program stands still, and
// nobody would hold its limits.
func (c *Commands) Pause() error {
	err := c.set(true)
	bound := time.After(startBound)
	for _, done := range c.beginnings() {
		select {
		case <-done:
		case <-bound:
			return err // it is paused when it has started
		}
	}
	return err
}

func (c *Commands) beginnings() []chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.starting))
}

// Continue lets everything go on.
func (c *Commands) Continue() error { return c.set(false) }

func (c *Commands) set(paused bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
	var errs []error
	for p := range c.running {
		if paused {
			errs = append(errs, p.Pause())
		} else {
			errs = append(errs, p.Continue())
		}
	}
	return errors.Join(errs...)
}

// CommandState is what a command does at a moment.
type CommandState struct {
	Attempt Attempt
	Started time.Time
	// Tree is its process tree as a table: see cutoff.Process.Snapshot. It is
	// empty if the command was just ending.
	Tree string
}

// States looks at all that runs, what has run longest first. Each look takes at
// most 50 ms.
func (c *Commands) States() []CommandState {
	c.mu.Lock()
	procs := make([]*cutoff.Process, 0, len(c.running))
	states := map[*cutoff.Process]CommandState{}
	for p, b := range c.running {
		procs = append(procs, p)
		states[p] = CommandState{Attempt: b.attempt, Started: b.at}
	}
	c.mu.Unlock()
	slices.SortFunc(procs, func(a, b *cutoff.Process) int { return states[a].Started.Compare(states[b].Started) })
	list := make([]CommandState, len(procs))
	for i, p := range procs {
		list[i] = states[p]
		list[i].Tree = p.Snapshot()
	}
	return list
}

// start starts a command and takes it. Nil Commands take none.
func (c *Commands) start(ctx context.Context, cmd cutoff.Command, a Attempt) (*cutoff.Process, error) {
	if c == nil {
		return cmd.Start(ctx)
	}
	done := c.begin()
	p, err := cmd.Start(ctx)
	if err == nil {
		c.add(p, a)
	}
	c.end(done)
	return p, err
}

func (c *Commands) begin() (done chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starting == nil {
		c.starting = map[chan struct{}]struct{}{}
	}
	done = make(chan struct{})
	c.starting[done] = struct{}{}
	return done
}

func (c *Commands) end(done chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.starting, done)
	close(done)
}

func (c *Commands) add(p *cutoff.Process, a Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running = map[*cutoff.Process]begun{}
	}
	c.running[p] = begun{a, time.Now()}
	if c.paused {
		_ = p.Pause() // as good as Pause itself: best effort
	}
}

func (c *Commands) remove(p *cutoff.Process) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, p)
}
