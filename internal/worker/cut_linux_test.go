package worker

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/internal/wire"
)

// What a kill cuts short was never sent: these tests cut a reply and a request
// at every byte.

// secretOf returns the secret of a worker's conversation, as it stands in the
// environment that the process was started with.
func secretOf(pid string) uint64 {
	b, _ := os.ReadFile("/proc/" + pid + "/environ")
	for kv := range strings.SplitSeq(string(b), "\x00") {
		if v, ok := strings.CutPrefix(kv, EnvVar+"="); ok {
			n, _ := strconv.ParseUint(v, 16, 64)
			return n
		}
	}
	return 0
}

// framed returns the bytes of one frame.
func framed(secret uint64, kind wire.Kind, call uint64, payload ...[]byte) []byte {
	var b bytes.Buffer
	_ = wire.NewConn(nil, &b, secret).Write(kind, call, payload...) // to a Buffer: cannot fail
	return b.Bytes()
}

const cutBody = "a result"

// doneFrame is the whole reply that "cut" sends a part of.
func doneFrame(secret, call uint64) []byte {
	return framed(secret, wire.KindDone, call, wire.Meter{Wall: 1}.Append(nil), []byte(cutBody))
}

func init() {
	// cut sends as many bytes of its reply as its input says, and is killed.
	functions["cut"] = func(ctx context.Context, in []byte) ([]byte, error) {
		n := binary.LittleEndian.Uint64(in)
		_, _ = syscall.Write(fdReplies, doneFrame(secretOf("self"), FromContext(ctx).id)[:n])
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	// lie announces 4 GiB.
	functions["lie"] = func(context.Context, []byte) ([]byte, error) {
		head := make([]byte, 20)
		binary.LittleEndian.PutUint32(head, 1<<32-1)
		head[4] = byte(wire.KindDone)
		_, _ = syscall.Write(fdReplies, head)
		select {}
	}
	// mark tells that it ran.
	functions["mark"] = func(context.Context, []byte) ([]byte, error) {
		_, _ = os.Stderr.WriteString("it ran")
		return nil, nil
	}
}

func TestReplyCutAtEveryByte(t *testing.T) {
	whole := len(doneFrame(1, 1))
	for n := range whole + 1 {
		w, err := Start(config())
		if err != nil {
			t.Fatal(err)
		}
		end := w.Do(Call{Func: "cut", In: binary.LittleEndian.AppendUint64(nil, uint64(n)), Timeout: bound})
		w.Close()
		switch {
		case n == whole && (end.Reply != wire.KindDone || string(end.Body) != cutBody):
			t.Errorf("whole: reply %d, %q", end.Reply, end.Body)
		case n < whole && (end.Reply != 0 || !end.Gone || end.Broken != nil || end.Status.Signal != syscall.SIGKILL):
			t.Errorf("%d of %d bytes: %+v", n, whole, end)
		}
	}
}

// TestRequestCutAtEveryByte is the parent's death in the middle of a request,
// without what would kill the worker for it: the pipe alone must do.
func TestRequestCutAtEveryByte(t *testing.T) {
	request := func(secret uint64) []byte {
		return framed(secret, wire.KindCall, 1, wire.CallHead("mark", 0, 0, false), []byte("input"))
	}
	whole := len(request(1))
	for n := range whole + 1 {
		r, stderr, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c := config()
		c.Stderr = stderr
		w, err := Start(c)
		stderr.Close()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.requests.Write(request(secretOf(strconv.Itoa(w.PID())))[:n]); err != nil {
			t.Fatal(err)
		}
		w.requests.Close()
		select {
		case <-w.Exited():
		case <-time.After(bound):
			t.Fatalf("%d of %d bytes: the worker goes on", n, whole)
		}
		w.Close()
		said, _ := io.ReadAll(r)
		r.Close()
		if ran := string(said) == "it ran"; ran != (n == whole) || len(said) > 0 && !ran {
			t.Errorf("%d of %d bytes: it said %q", n, whole, said)
		}
	}
}

func TestFourGiB(t *testing.T) {
	w := start(t)
	if end := w.Do(Call{Func: "lie", Timeout: bound}); end.Broken == nil || end.Reply != 0 || !end.Gone {
		t.Errorf("%+v", end)
	}
}
