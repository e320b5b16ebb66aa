package cutoff

import (
	"fmt"
	"sync"
	"time"

	"github.com/cutoff-run/cutoff/internal/codec"
	"github.com/cutoff-run/cutoff/internal/worker"
)

// member is a worker in the engine's hands.
type member struct {
	*worker.Worker
	calls   int
	isIdle  bool
	born    time.Time
	streams *streams
	stderr  *crashWatch
	drained sync.Once
	ended   chan struct{} // closed when it need not be watched any more
}

// launch starts one worker and sets it up.
func (e *engine) launch() (*member, error) {
	m, err := e.spawn()
	if err == nil {
		if err = e.setUp(m); err == nil {
			e.event(Event{Kind: WorkerStarted, PID: m.PID()})
			return m, nil
		}
		m.Kill()
		m.finish()
	}
	e.event(Event{Kind: WorkerFailed, Err: err})
	return nil, err
}

// spawn starts a worker's process.
func (e *engine) spawn() (*member, error) {
	m := &member{born: time.Now(), ended: make(chan struct{}), stderr: &crashWatch{w: e.stderr}}
	s, err := openStreams(Command{Stdout: e.stdout, Stderr: m.stderr})
	if err != nil {
		return nil, fmt.Errorf("cutoff: start worker: %w", err)
	}
	config := e.config
	config.Stdout, config.Stderr = s.files[1], s.files[2]
	config.NoStack, config.OnQuit = e.opts.NoStack, m.stderr.quit
	// What it prints before it says hello must not hold it up, and may say why
	// it never does.
	s.copy(m.born)
	m.Worker, err = worker.Start(config)
	s.closeOurs()
	m.streams = s
	if err != nil {
		m.drain()
		return nil, startError(err)
	}
	return m, nil
}

// limitOutput limits what the worker writes during the next call. The channel
// is closed when it writes more; it is nil if there is no limit. What an earlier
// call wrote and nobody has read yet does not count.
func (m *member) limitOutput(limit int64) <-chan struct{} {
	if limit == 0 {
		return nil
	}
	return m.streams.account.begin(limit, m.streams.pending())
}

// unlimitOutput ends that, and returns how much was written.
func (m *member) unlimitOutput(limit int64) int64 {
	if limit == 0 {
		return 0
	}
	return m.streams.account.end(limit, m.streams.pending())
}

// finish ends the worker and what belongs to it.
func (m *member) finish() {
	m.Close()
	m.drain()
}

// drain waits until all that the ended worker printed has been passed on. A
// writer of the caller's that fails is no failure of a call.
func (m *member) drain() {
	m.drained.Do(func() {
		_ = m.streams.finish()
		m.stderr.finish()
	})
}

// setUp runs the Setup function in a new worker.
func (e *engine) setUp(m *member) error {
	if e.opts.Setup == nil {
		return nil
	}
	f := e.opts.Setup.f
	in, err := codec.Encode(struct{}{})
	if err != nil {
		return err
	}
	left := max(e.opts.StartTimeout-time.Since(m.born), time.Millisecond)
	c := &invocation{e: e, f: f, limits: Limits{Timeout: left}, kill: e.abort, cause: ErrPoolClosed}
	end := m.Do(worker.Call{Func: f.name, In: in, Timeout: left, Kill: c.kill})
	c.conclude(m, &end)
	if c.err != nil {
		return fmt.Errorf("cutoff: Setup function %q: %w", f.name, c.err)
	}
	return nil
}
