package cutoff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/internal/worker"
)

// An engine supplies calls with workers. Everything it knows is guarded by mu;
// after each change settle brings calls and workers together again.
type engine struct {
	opts   PoolOptions
	config worker.Config
	stdout *sink
	stderr *sink

	mu       sync.Mutex
	phase    phase
	idle     []*member // warm workers; the last one served last
	members  int       // all workers that have started and are not being ended
	paged    bool      // the last one has a page, so that calls may come in rows
	starting int
	busy     int
	waiting  []*waiter     // calls, in the order they came
	running  []*invocation // calls that have entered; each knows its place
	failing  bool          // the last start failed: start more only for calls that wait
	resting  bool          // one failed lately: start none while there are workers to wait for
	delay    time.Duration // by which a start is put off
	putOff   bool          // one is
	stats    Stats

	numbers uint64        // the calls' numbers
	abort   chan struct{} // closed by Kill: give starts up
	empty   chan struct{} // closed when closing and no call is left
	isEmpty bool
	tasks   sync.WaitGroup // goroutines that start, watch and end workers
}

type phase int

const (
	open     phase = iota
	draining       // no new calls
	closed         // no calls at all
)

// waiter is a call that waits for a worker. granted has room for one.
type waiter struct {
	granted chan grant
}

type grant struct {
	m   *member
	err error
}

func newEngine(o PoolOptions) (*engine, error) {
	e := &engine{
		opts:   o,
		stdout: newSink(o.Stdout, os.Stdout),
		stderr: newSink(o.Stderr, os.Stderr),
		abort:  make(chan struct{}),
		empty:  make(chan struct{}),
		delay:  startDelay,
	}
	e.config = worker.Config{
		Level:       proc.Level(o.Containment),
		Resources:   proc.Resources(o.Resources),
		Path:        executable(),
		Args:        []string{os.Args[0], "[cutoff worker]"},
		Env:         o.Env,
		Dir:         o.Dir,
		Fingerprint: fingerprint(),
		Bound:       o.StartTimeout,
		Abort:       e.abort,
		Spin:        o.Spin,

		LimitsMemory: o.Limits.Memory > 0,
	}
	level, err := proc.Find(proc.Level(o.Containment))
	if err != nil {
		return nil, fmt.Errorf("cutoff: %w", err)
	}
	e.stats.Containment = string(level)
	m, err := e.launch()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.join(m)
	e.settle()
	return e, nil
}

// acquire waits for a worker. The error of a call that gets none says why.
func (e *engine) acquire(ctx context.Context) (*member, error) {
	e.mu.Lock()
	if e.phase == closed {
		e.mu.Unlock()
		return nil, ErrPoolClosed
	}
	if m := e.takeIdle(); m != nil {
		e.mu.Unlock()
		return m, nil
	}
	w := &waiter{make(chan grant, 1)}
	e.waiting = append(e.waiting, w)
	e.settle()
	e.mu.Unlock()

	select {
	case g := <-w.granted:
		return g.m, g.err
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(e.waiting, w); i >= 0 {
		e.waiting = slices.Delete(e.waiting, i, i+1)
	} else if g := <-w.granted; g.m != nil { // granted just now: give it back
		e.takeBack(g.m, keep)
	}
	e.settle()
	return nil, context.Cause(ctx)
}

// release takes a worker back after some calls.
func (e *engine) release(m *member, calls int, fate fate) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m.calls += calls
	if e.opts.MaxCalls > 0 && m.calls >= e.opts.MaxCalls {
		fate = max(fate, recycle)
	}
	e.takeBack(m, fate)
	e.settle()
}

// callsLeft is how many calls the worker, which is taken, may still get, at most n.
func (e *engine) callsLeft(m *member, n int) int {
	if e.opts.MaxCalls > 0 {
		return min(n, e.opts.MaxCalls-m.calls)
	}
	return n
}

// takeBack ends a worker's being busy. One that died since its call ended is
// noticed here: watch saw it busy and has let it pass.
func (e *engine) takeBack(m *member, fate fate) {
	e.busy--
	select {
	case <-m.Exited():
		fate = dead
	default:
	}
	switch fate {
	case keep:
		e.rest(m)
	case recycle:
		e.stats.Recycled++
		e.retire(m)
	case dead:
		e.retire(m)
	}
}

// fate is what becomes of a worker after a call.
type fate int

const (
	keep    fate = iota
	recycle      // it still runs, and is to be replaced
	dead
)

// join takes a new worker in.
func (e *engine) join(m *member) {
	e.stats.Started++
	e.members++
	e.paged = m.HasPage()
	e.failing = false
	e.tasks.Go(func() { e.watch(m) })
	e.rest(m)
}

// rest puts a worker among the idle ones, or ends it if the pool is closed.
func (e *engine) rest(m *member) {
	if e.phase == closed {
		e.retire(m)
		return
	}
	m.isIdle = true
	e.idle = append(e.idle, m)
}

// retire ends a worker behind everybody's back.
func (e *engine) retire(m *member) {
	m.isIdle = false
	e.members--
	e.tasks.Go(func() {
		m.finish()
		e.event(Event{Kind: WorkerEnded, PID: m.PID()})
	})
	close(m.ended)
}

// shortLife is the age below which a worker that dies idle counts as a failed
// start, so that workers which cannot live are not started for ever.
const shortLife = time.Second

// watch notices a worker that dies while it is idle. A busy one is the
// business of the call it serves.
func (e *engine) watch(m *member) {
	select {
	case <-m.ended:
		return
	case <-m.Exited():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !m.isIdle {
		return
	}
	e.idle = slices.DeleteFunc(e.idle, func(o *member) bool { return o == m })
	if time.Since(m.born) < shortLife {
		e.fail()
	}
	e.retire(m)
	e.tasks.Go(func() {
		e.event(Event{Kind: WorkerFailed, PID: m.PID(), Err: fmt.Errorf("cutoff: a worker died while it was idle")})
	})
	e.settle()
}

// settle gives waiting calls their workers, starts the workers that are
// missing, and tells a closing pool that it is done.
func (e *engine) settle() {
	for len(e.waiting) > 0 && e.isFree() {
		e.grant(grant{m: e.takeFree()})
	}
	e.refill(false)
	if e.phase != open && len(e.running) == 0 && !e.isEmpty {
		e.isEmpty = true
		close(e.empty)
	}
}

// startDelay is longer than it takes a caller to hear of a cutoff and to make the
// next call.
const startDelay = 2 * time.Millisecond

// refill starts the workers that are missing. A start takes a processor from the
// calls that run. So while a worker stands by, and no call waits for one, it is put
// off for a moment, unless it is to be now.
func (e *engine) refill(now bool) {
	n := e.missing()
	if n > 0 && !now && len(e.waiting) == 0 && len(e.idle) > 0 {
		if !e.putOff {
			e.putOff = true
			time.AfterFunc(e.delay, e.refillNow)
		}
		return
	}
	for ; n > 0; n-- {
		e.starting++
		e.tasks.Go(e.start)
	}
}

func (e *engine) refillNow() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.putOff = false
	e.refill(true)
}

func (e *engine) grant(g grant) {
	w := e.waiting[0]
	e.waiting = slices.Delete(e.waiting, 0, 1)
	w.granted <- g
}

// missing is how many workers are to be started now.
func (e *engine) missing() int {
	if e.phase == closed || e.phase == draining && len(e.waiting) == 0 {
		return 0
	}
	n := e.opts.Workers + e.opts.Spares - e.members - e.starting
	if e.failing { // only for calls that would wait for ever, or learn why not
		n = min(n, len(e.waiting)-e.starting)
		if e.resting && e.members > 0 {
			n = 0
		}
	}
	return min(n, runtime.GOMAXPROCS(0)-e.starting)
}

// start starts one worker in the background.
func (e *engine) start() {
	m, err := e.launch()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.starting--
	if err != nil {
		e.fail()
		if e.members == 0 && len(e.waiting) > 0 { // else a worker will come free
			e.grant(grant{err: err})
		}
	} else {
		e.join(m)
	}
	e.settle()
}

// startRest is how long a pool that has workers makes do with them after a
// start that failed.
const startRest = time.Second

// fail notes that a worker could not start or could not live.
func (e *engine) fail() {
	e.failing = true
	if e.resting {
		return
	}
	e.resting = true
	time.AfterFunc(startRest, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.resting = false
		e.settle()
	})
}

// close ends the pool; see Pool.Close and Pool.Kill.
func (e *engine) close(kill bool) {
	e.mu.Lock()
	e.phase = max(e.phase, draining)
	if kill {
		e.killAll()
	}
	e.settle()
	e.mu.Unlock()

	<-e.empty
	e.mu.Lock()
	e.shut()
	for _, m := range e.idle {
		e.retire(m)
	}
	e.idle = nil
	e.mu.Unlock()
	e.tasks.Wait()
}

// shut lets no call start any more and gives up the workers that start.
func (e *engine) shut() {
	if e.phase != closed {
		e.phase = closed
		close(e.abort)
	}
}

// killAll ends every call, waiting and running.
func (e *engine) killAll() {
	e.shut()
	for len(e.waiting) > 0 {
		e.grant(grant{err: ErrPoolClosed})
	}
	for _, c := range e.running {
		c.end(ErrPoolClosed)
	}
}

// enter takes calls in; leave lets them go. In between Close waits for them and
// Kill ends them.
func (e *engine) enter(cs ...*invocation) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != open {
		return ErrPoolClosed
	}
	for _, c := range cs {
		e.numbers++
		c.number = e.numbers
		c.place = len(e.running)
		e.running = append(e.running, c)
	}
	return nil
}

func (e *engine) leave(cs ...*invocation) {
	for _, c := range cs {
		e.event(Event{Kind: CallEnded, PID: c.result.PID, Func: c.f.name, Call: c.number, Result: &c.result, Err: c.err})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range cs {
		e.remove(c)
		e.stats.Calls++
		switch o := c.result.Outcome; {
		case o.CutOff():
			e.stats.CutOff++
		case o == Crashed:
			e.stats.Crashed++
		}
	}
	e.settle()
}

// remove takes a call out of the running ones.
func (e *engine) remove(c *invocation) {
	last := len(e.running) - 1
	moved := e.running[last]
	e.running[c.place], moved.place = moved, c.place
	e.running[last] = nil
	e.running = e.running[:last]
}

// withdraw lets calls go that have not begun.
func (e *engine) withdraw(cs []*invocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range cs {
		e.remove(c)
	}
	e.settle()
}

func (e *engine) snapshot() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Workers, s.Idle, s.Busy = e.opts.Workers, len(e.idle), e.busy
	s.Starting, s.Waiting = e.starting, len(e.waiting)
	return s
}

// event tells those who want to know. It must be called without mu.
func (e *engine) event(ev Event) {
	if !e.heard() {
		return
	}
	ev.Time = time.Now()
	if f := e.opts.OnEvent; f != nil {
		f(ev)
	}
	l := e.opts.Logger
	if l == nil {
		return
	}
	switch ev.Kind {
	case WorkerFailed:
		if errors.Is(ev.Err, ErrPoolClosed) { // the pool's own end is nobody's failure
			l.Debug("worker not needed any more", "err", ev.Err)
			return
		}
		l.Warn("worker failed", "pid", ev.PID, "err", ev.Err)
	case WorkerStarted, WorkerEnded:
		l.Debug(string(ev.Kind), "pid", ev.PID)
	case CallEnded:
		if o := ev.Result.Outcome; o.CutOff() || o == Crashed {
			l.Warn("call "+string(o), "func", ev.Func, "pid", ev.PID, "wall", ev.Result.Wall, "err", ev.Err)
		}
	}
}
