package doctor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/hostile"
)

// surgery is where rounds take place: a directory for their pipes.
type surgery struct {
	exe   string
	dir   string
	count atomic.Int64
}

func newSurgery(o Options) (*surgery, error) {
	dir, err := os.MkdirTemp("", "cutoff-doctor-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // as /proc names it
		return nil, err
	}
	return &surgery{exe: o.Exe, dir: dir}, nil
}

func (s *surgery) close() { _ = os.RemoveAll(s.dir) }

// patient is one child under one tool.
type patient struct {
	pipe   string
	record string
	cmd    *exec.Cmd
	exited chan struct{}
	said   words
	out    *os.File      // the tool's output
	told   chan struct{} // closed when it is read to its end
	r      *os.File

	mu    sync.Mutex
	start int64 // when the child was created, on the monotonic clock; 0: not yet
	end   int64 // when the last process was gone
	ready chan struct{}
	gone  chan struct{}
}

// round runs the child once and leaves nothing of it.
func (s *surgery) round(ctx context.Context, p planned) (r round, err error) {
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	a, err := s.admit(p)
	if err != nil {
		return r, err
	}
	defer func() {
		err = errors.Join(err, a.discharge())
	}()
	var zero int64
	if p.Case == Killed {
		zero, r.invalid = a.killTool(ctx)
		wait(ctx, a.gone, killSettle)
	} else {
		r.lost = !a.returned(ctx, p)
		wait(ctx, a.gone, p.tool.Settle)
		zero, r.invalid = a.deadline(p)
	}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if r.invalid != "" {
		return r, nil
	}
	r.survivors, r.gone = len(holders(a.pipe)), never
	switch {
	case r.survivors > 0:
	case a.isGone():
		r.gone = time.Duration(a.end - zero)
	default:
		r.survivors = 1 // the pipe is held by what we cannot see
	}
	return r, nil
}

// admit starts the tool with the child.
func (s *surgery) admit(p planned) (*patient, error) {
	name := filepath.Join(s.dir, strconv.FormatInt(s.count.Add(1), 10))
	a := &patient{pipe: name, record: name + ".json", exited: make(chan struct{}), ready: make(chan struct{}), gone: make(chan struct{})}
	if err := unix.Mkfifo(a.pipe, 0o600); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: a.pipe, Err: err}
	}
	var err error
	if a.r, err = os.OpenFile(a.pipe, os.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
		return nil, err
	}
	w, err := os.OpenFile(a.pipe, os.O_WRONLY, 0) // until the child has it too
	if err != nil {
		a.r.Close()
		return nil, err
	}
	child := append([]string{s.exe}, hostile.Args(p.subject.Name, a.pipe)...)
	argv := p.tool.Command(p.limit, a.record, child)
	if p.subject.Function {
		argv = callArgs(s.exe, p.subject.Name, a.pipe, p.limit, a.record)
	}
	if err := a.begin(s.exe, argv, p.tool.Env); err != nil {
		a.r.Close()
		w.Close()
		return nil, err
	}
	go a.listen(w)
	return a, nil
}

// begin starts the tool, in a session of its own: what a terminal sends comes
// to us alone. Its output is read and dropped.
func (a *patient) begin(exe string, argv, env []string) error {
	out, w, err := os.Pipe()
	if err != nil {
		return err
	}
	a.cmd = exec.Command(argv[0], argv[1:]...)
	if argv[0] == exe {
		a.cmd.Args[0] = program // whatever the file is called
	}
	a.cmd.Env = append(os.Environ(), env...)
	a.cmd.Stdout, a.cmd.Stderr = w, w
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = a.cmd.Start()
	w.Close()
	if err != nil {
		out.Close()
		return err
	}
	a.out, a.told = out, make(chan struct{})
	go func() {
		defer close(a.told)
		_, _ = io.Copy(&a.said, out)
	}()
	go func() {
		_ = a.cmd.Wait()
		close(a.exited)
	}()
	return nil
}

// listen hears what the child reports, up to the end of its pipe. w is our own
// end for writing: without it the pipe would end before the child opens it.
func (a *patient) listen(w *os.File) {
	defer close(a.gone)
	var once, told sync.Once
	give := func() { once.Do(func() { w.Close() }) }
	go func() {
		<-a.exited // it may never have started a child
		give()
	}()
	for lines := bufio.NewReader(a.r); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		word, n, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "start":
			a.mu.Lock()
			if a.start == 0 {
				a.start, _ = strconv.ParseInt(n, 10, 64)
			}
			a.mu.Unlock()
			give()
		case "ready":
			told.Do(func() { close(a.ready) })
		}
	}
	a.end = monotonic()
}

// returned waits until the tool has returned and reports whether it did by
// itself.
func (a *patient) returned(ctx context.Context, p planned) bool {
	after := bound
	if p.tool.Level == "" {
		after = p.limit + patience
	}
	return wait(ctx, a.exited, after)
}

// deadline returns when the child's limit passed, or why the round is not
// valid. The child reckons when it was created from its first moment, which is
// a little late; cutoff's own record says when it saw it start. The earlier of
// the two counts.
func (a *patient) deadline(p planned) (at int64, invalid string) {
	a.mu.Lock()
	start := a.start
	a.mu.Unlock()
	if start == 0 || !closed(a.ready) {
		return 0, "the child was not ready in time: " + a.said.String()
	}
	if p.tool.Level != "" {
		started, invalid := a.recorded(p)
		if invalid != "" {
			return 0, invalid
		}
		start = min(start, monotonic()-int64(time.Since(started)))
	}
	return start + int64(p.limit), ""
}

// recorded reads the record that cutoff itself writes and checks it: the right
// level, and cut off.
func (a *patient) recorded(p planned) (started time.Time, invalid string) {
	var res cutoff.Result
	b, err := os.ReadFile(a.record)
	if err == nil {
		err = json.Unmarshal(b, &res)
	}
	switch {
	case err != nil:
		invalid = fmt.Sprintf("no record of it: %v: %s", err, a.said.String())
	case res.Containment != p.tool.Level:
		invalid = fmt.Sprintf("it ran with containment %q", res.Containment)
	case res.Outcome != cutoff.Timeout:
		invalid = fmt.Sprintf("it ended with outcome %q: %s", res.Outcome, a.said.String())
	}
	return res.Started, invalid
}

// killTool kills the tool when the child is ready, and returns when it did.
func (a *patient) killTool(ctx context.Context) (at int64, invalid string) {
	if !wait(ctx, a.ready, bound) || closed(a.exited) {
		return 0, "the child was not ready in time: " + a.said.String()
	}
	at = monotonic()
	_ = a.cmd.Process.Kill()
	<-a.exited
	return at, ""
}

// isGone reports whether the pipe has ended. The reader may be a moment behind
// the kernel, so the kernel is asked.
func (a *patient) isGone() bool {
	if closed(a.gone) {
		return true
	}
	held := true
	conn, err := a.r.SyscallConn()
	if err == nil {
		err = conn.Control(func(fd uintptr) {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			if _, err := unix.Poll(fds, 0); err == nil {
				held = fds[0].Revents&unix.POLLHUP == 0
			}
		})
	}
	if err != nil || held {
		return closed(a.gone)
	}
	<-a.gone
	return true
}

// discharge ends what is left of the round.
func (a *patient) discharge() error {
	if !closed(a.exited) {
		_ = a.cmd.Process.Kill()
		<-a.exited
	}
	err := eradicate(a)
	for f, read := range map[*os.File]chan struct{}{a.r: a.gone, a.out: a.told} {
		_ = f.SetReadDeadline(time.Now()) // whoever else holds it: a helper of a peer
		<-read
		f.Close()
	}
	_ = os.Remove(a.pipe)
	_ = os.Remove(a.record)
	return err
}

// wait reports whether c was closed within d.
func wait(ctx context.Context, c <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return closed(c)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// monotonic is the clock that the children report in.
func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // never fails
	return ts.Nano()
}

// words keeps the beginning of what a tool says, for error messages.
type words struct {
	mu sync.Mutex
	b  []byte
}

const wordsKept = 512

func (t *words) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b[:min(len(b), wordsKept-len(t.b))]...)
	return len(b), nil
}

func (t *words) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(t.b)), " ")
}
