package batch

import (
	"errors"
	"sync"

	"github.com/cutoff-run/cutoff"
)

// Pauser pauses the commands of a [CommandRunner], and their clocks with them:
// see cutoff.Process.Pause. The zero value is ready; its methods may be called
// by several goroutines. The batch itself goes on, and so do its budget and
// the waits of its retries; what it starts meanwhile is paused at once.
type Pauser struct {
	mu      sync.Mutex
	paused  bool
	running map[*cutoff.Process]struct{}
}

// Pause pauses what runs, and what starts until Continue.
func (p *Pauser) Pause() error { return p.set(true) }

// Continue lets everything go on.
func (p *Pauser) Continue() error { return p.set(false) }

func (p *Pauser) set(paused bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = paused
	var errs []error
	for proc := range p.running {
		if paused {
			errs = append(errs, proc.Pause())
		} else {
			errs = append(errs, proc.Continue())
		}
	}
	return errors.Join(errs...)
}

// add takes a command that has started. A nil Pauser takes none.
func (p *Pauser) add(proc *cutoff.Process) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		p.running = map[*cutoff.Process]struct{}{}
	}
	p.running[proc] = struct{}{}
	if p.paused {
		_ = proc.Pause() // as good as Pause itself: best effort
	}
}

func (p *Pauser) remove(proc *cutoff.Process) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, proc)
}
