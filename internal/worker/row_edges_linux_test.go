package worker

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff/internal/wire"
)

func init() {
	// start aside returns at once, and then starts a process.
	functions["start aside"] = func(_ context.Context, in []byte) ([]byte, error) {
		go func() { _ = exec.Command("sleep", "600").Start() }()
		return in, nil
	}
	// replace puts another descriptor in the place of the one for replies.
	functions["replace"] = func(_ context.Context, in []byte) ([]byte, error) {
		fd, err := strconv.Atoi(string(in))
		if err == nil {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETOWN, os.Getpid())
			err = unix.Dup3(fd, fdReplies, 0)
		}
		return in, err
	}
	// whirl turns the word for ever.
	functions["whirl"] = func(ctx context.Context, _ []byte) ([]byte, error) {
		p := FromContext(ctx).server.page
		for i := p.number; ; i = after(i, 1) {
			p.word.Store(turn(i, posted))
		}
	}
	// jump gives its page another number.
	functions["jump"] = func(ctx context.Context, in []byte) ([]byte, error) {
		time.Sleep(100 * time.Millisecond) // by now the caller has left the page
		s, n := FromContext(ctx).server, binary.LittleEndian.Uint32(in)
		s.page.number = n
		s.page.taken.Store(n)
		s.page.word.Store(turn(n, left))
		return nil, nil
	}
}

// TestRowStartsAside holds that a process counts for the call that is
// responsible for it, though that call took no time to be.
func TestRowStartsAside(t *testing.T) {
	for range 10 {
		w := start(t)
		awaitPage(t, w)
		calls := rowOf("echo", "echo", "start aside", "echo", "echo")
		ends := make([]Ending, len(calls))
		for done := 0; done < len(calls); {
			n, under := w.Begin(calls[done:], ends[done:])
			if under {
				ends[done+n] = w.Finish()
				n++
			}
			done += n
		}
		for i, end := range ends {
			if end.Reply != wire.KindDone || (end.Meter.Processes > 0) != (i == 2) && end.Meter.Goroutines == 0 {
				t.Errorf("%d: it took %v and left %d processes: %+v", i, end.Meter.Wall, end.Meter.Processes, end)
			}
		}
	}
}

// TestReplaced holds that a function which replaces the worker's descriptor pays
// for that itself, whatever it takes.
func TestReplaced(t *testing.T) {
	for _, fd := range []int{0, 1, 2, fdRequests, fdAlive, fdAsk} {
		w := start(t)
		awaitPage(t, w)
		if end := w.Do(Call{Func: "replace", In: []byte(strconv.Itoa(fd)), Timeout: bound}); end.Reply != 0 || end.Status.ExitCode != ExitProtocol {
			t.Errorf("%d: %+v", fd, end)
		}
	}
}

// TestWhirl holds that a function which turns the word faster than its caller can
// fall asleep keeps nobody awake for ever.
func TestWhirl(t *testing.T) {
	for _, row := range []string{"whirl", "echo whirl echo"} {
		c := config()
		c.Spin = 100 * time.Microsecond // so that it is still awake
		w, err := Start(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		awaitPage(t, w)
		ended := make(chan struct{})
		calls := rowOf(strings.Fields(row)...)
		go func() {
			defer close(ended)
			if _, under := w.Begin(calls, make([]Ending, len(calls))); under {
				w.Kill()
				w.Finish()
			}
		}()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: its caller still waits", row)
			w.Kill()
			<-ended
		}
	}
}

// jumpTo has both ends go on from a number.
func jumpTo(t *testing.T, w *Worker, n uint32) {
	t.Helper()
	if end := w.Do(Call{Func: "jump", In: binary.LittleEndian.AppendUint32(nil, n), Timeout: bound}); end.Reply != wire.KindDone {
		t.Fatalf("%+v", end)
	}
	w.page.number = n
}

// TestNumbersWrap has the numbers of a page's calls begin anew, between rows and
// within one.
func TestNumbersWrap(t *testing.T) {
	w := start(t)
	for _, size := range []int{1, 7} {
		jumpTo(t, w, numbers-4)
		for i := range 8 {
			calls := make([]Call, size)
			for j := range calls {
				calls[j] = Call{Func: "echo", In: strconv.AppendInt(nil, int64(10*i+j), 10), Timeout: bound}
			}
			ends := make([]Ending, size)
			for done := 0; done < size; {
				n, under := w.Begin(calls[done:], ends[done:])
				if under {
					ends[done+n] = w.Finish()
					n++
				}
				done += n
			}
			for j, end := range ends {
				if string(end.Body) != string(calls[j].In) {
					t.Fatalf("row %d of %d, call %d: %+v", i, size, j, end)
				}
			}
		}
	}

	// Behind number 0 there is one that does not begin.
	jumpTo(t, w, numbers-1)
	if end := w.Do(Call{Func: "echo", In: []byte("x"), Timeout: bound}); string(end.Body) != "x" || w.page.number != 0 {
		t.Fatalf("number %d: %+v", w.page.number, end)
	}
	stopAndWait(t, w)
	go func() {
		time.Sleep(100 * time.Millisecond)
		_ = unix.Kill(w.PID(), unix.SIGKILL)
	}()
	if end := w.Do(Call{Func: "echo", Timeout: bound}); !end.Started.IsZero() || !end.Gone || end.Broken != nil {
		t.Errorf("it has not begun: %+v", end)
	}
}
