package worker

// This file runs in the program that owns the pool.

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
	"github.com/cutoff-run/cutoff/internal/wire"
)

// Config says how to start a worker.
type Config struct {
	Level          proc.Level      // what must hold the worker; "" = the strongest that can be had
	Resources      proc.Resources  // what the worker gets of the machine
	Path           string          // the program's own executable
	Args           []string        // argv, argv[0] included
	Env            []string        // the whole environment; EnvVar is added
	Dir            string          // "" = the caller's
	Stdout, Stderr *os.File        // nil = the null device
	Fingerprint    []byte          // what the worker's hello must carry
	Bound          time.Duration   // how long the start may take
	Abort          <-chan struct{} // closed: give the start up
	LimitsMemory   bool            // calls have a limit of memory: prepare for the kernel's
	NoStack        bool            // do not find out where calls are that a limit stops
	OnQuit         func()          // told before the worker's runtime is made to print and die
	Spin           time.Duration   // how long to look for a message before sleeping; 0 = not at all
}

// Worker is the pool's end of one worker process. Do may be used by one
// goroutine at a time; Kill by any, at any time. Close must be called once,
// when no Do is under way.
type Worker struct {
	tree     *proc.Tree
	conn     *wire.Conn
	requests *os.File // write end
	replies  *os.File // read end
	alive    *os.File // write end: nobody writes, its end is the message
	ask      *os.File // write end: which call's stack is wanted
	crash    *os.File
	noStack  bool
	onQuit   func()

	frames chan wire.Frame // what the worker sends; closed at its end
	closed chan struct{}   // the pool wants no more frames
	reader sync.WaitGroup
	broken error // why frames was closed, if not for the worker's end

	page  *page // nil: there is none
	epoch epoch

	clear  sync.Once // the tree is closed once, by Do or by Close
	leaked int

	calls   uint64
	attempt attempt // the one under way, or the last
	head    []byte  // of a request, to be used again
	alarm   *alarm  // of the calls that have left the page; nil: there was none
}

// Start starts a worker and waits for its hello, at most cfg.Bound.
func Start(cfg Config) (*Worker, error) {
	w := &Worker{frames: make(chan wire.Frame, 16), closed: make(chan struct{}), noStack: cfg.NoStack, onQuit: cfg.OnQuit}
	secret := rand.Uint64()
	if err := w.spawn(cfg, secret); err != nil {
		w.closeFiles()
		w.closePage()
		return nil, fmt.Errorf("start worker: %w", err)
	}
	w.conn = wire.NewConn(bufio.NewReaderSize(w.replies, 64<<10), w.requests, secret)
	if w.page != nil {
		w.conn.Share(w.page.areas[0], w.page.areas[1])
	}
	w.reader.Go(w.read)
	if err := w.greet(cfg); err != nil {
		w.Kill()
		w.Close()
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return w, nil
}

// spawn starts the process with its private descriptors.
func (w *Worker) spawn(cfg Config, secret uint64) error {
	var child [fdEnd]*os.File
	defer func() { // the child has its own by then
		for _, f := range child[fdRequests:fdCrash] {
			if f != nil {
				f.Close()
			}
		}
	}()
	var err [5]error
	child[fdRequests], w.requests, err[0] = proc.InputPipe()
	w.replies, child[fdReplies], err[1] = proc.OutputPipe()
	child[fdAlive], w.alive, err[2] = proc.InputPipe()
	child[fdAsk], w.ask, err[3] = proc.InputPipe()
	w.crash, err[4] = memoryFile()
	if err := errors.Join(err[:]...); err != nil {
		return err
	}
	child[1], child[2], child[fdCrash] = cfg.Stdout, cfg.Stderr, w.crash
	if child[fdPage] = w.openPage(cfg, secret); child[fdPage] != nil {
		defer child[fdPage].Close()
	}
	var memory int64
	if cfg.LimitsMemory {
		memory = proc.MemoryLater
	}
	var e error
	w.tree, e = proc.Start(proc.Spec{
		Level: cfg.Level,
		Path:  cfg.Path,
		Args:  cfg.Args,
		Env:   append(cfg.Env[:len(cfg.Env):len(cfg.Env)], EnvVar+"="+strconv.FormatUint(secret, 16)),
		Dir:   cfg.Dir,
		Files: child[:],

		Resources: cfg.Resources,
		Memory:    memory,
	})
	return e
}

// read passes on what the worker sends until it is gone.
func (w *Worker) read() {
	defer close(w.frames)
	for first := true; ; first = false {
		f, err := w.conn.Read()
		if err != nil {
			if errors.Is(err, wire.ErrGarbled) {
				w.broken = err
			}
			return
		}
		if first && !hasPage(f) {
			w.conn.Share(nil, nil) // nobody writes yet
		}
		select {
		case w.frames <- f:
		case <-w.closed:
			return
		}
	}
}

// greet waits for the hello.
func (w *Worker) greet(cfg Config) error {
	late := time.NewTimer(cfg.Bound)
	defer late.Stop()
	select {
	case f, ok := <-w.frames:
		if !ok {
			return w.silence(cfg)
		}
		if f.Kind != wire.KindHello || len(f.Payload) < 4 || f.Payload[0] != wire.Version || !bytes.Equal(f.Payload[4:], cfg.Fingerprint) {
			return ErrOtherProgram
		}
		if !hasPage(f) {
			w.closePage()
		}
		return nil
	case <-cfg.Abort:
		return ErrAborted
	case <-late.C:
		return fmt.Errorf("%w within %v", ErrSilent, cfg.Bound)
	}
}

// silence explains a worker that ended without a hello.
func (w *Worker) silence(cfg Config) error {
	if w.broken != nil {
		return fmt.Errorf("%w: %w", ErrSilent, w.broken)
	}
	select {
	case <-w.tree.Exited():
	case <-time.After(lostBound): // it closed its descriptors and lives on
		return ErrSilent
	}
	err := fmt.Errorf("%w: it ended with %s", ErrSilent, w.tree.Status())
	if text := w.crashText(); text != "" {
		err = fmt.Errorf("%w\n%s", err, text)
	}
	return err
}

// PID returns the worker's process id.
func (w *Worker) PID() int { return w.tree.PID() }

// Exited is closed when the worker's process is gone.
func (w *Worker) Exited() <-chan struct{} { return w.tree.Exited() }

// Containment names what holds the worker's process tree.
func (w *Worker) Containment() string { return string(w.tree.Level()) }

// Kill kills the worker with everything it started. It does not wait.
func (w *Worker) Kill() { w.tree.Kill() }

// byeBound is how long a worker that is told to go may take before it is
// killed. It has nothing left to do but to exit.
const byeBound = time.Second

// Close ends the worker, if it still runs, and gives everything back.
func (w *Worker) Close() {
	w.requests.Close() // asks it to exit
	select {
	case <-w.tree.Exited():
	case <-time.After(byeBound):
		w.tree.Kill()
	}
	w.closeTree()
	close(w.closed)
	w.replies.Close()
	w.reader.Wait()
	w.closeFiles()
	w.closePage()
}

// closeTree kills what the worker's process left behind and returns how many
// processes that were.
func (w *Worker) closeTree() int {
	w.clear.Do(func() { w.leaked, _ = w.tree.Close() })
	return w.leaked
}

func (w *Worker) closeFiles() {
	for _, f := range []*os.File{w.requests, w.replies, w.alive, w.ask, w.crash} {
		if f != nil {
			f.Close()
		}
	}
}

// crashBound is how much of a crash report is kept: its head says what
// happened and where; the rest are the other goroutines.
const crashBound = 64 << 10

// crashText returns what the runtime said when it died.
func (w *Worker) crashText() string {
	b := make([]byte, crashBound)
	n, err := w.crash.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return ""
	}
	return strings.TrimSpace(string(b[:n]))
}
