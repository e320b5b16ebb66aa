package worker

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the kernel, or a sandbox, may refuse. Everything goes over the pipes
// then.

// refusalVar names what a test's processes are refused, workers included.
const refusalVar = "TEST_REFUSE"

// refusals are calls that fail: with this number and this argument, as far as
// the mask goes.
var refusals = map[string]struct {
	workers bool // only workers are refused it
	call    uint32
	arg     uint32
	mask    uint32
	value   uint32
	errno   unix.Errno
}{
	"memfd":      {call: unix.SYS_MEMFD_CREATE, errno: unix.ENOSYS},
	"executable": {call: unix.SYS_MEMFD_CREATE, errno: unix.EACCES},
	"noexec":     {call: unix.SYS_MEMFD_CREATE, arg: 1, mask: unix.MFD_NOEXEC_SEAL, value: unix.MFD_NOEXEC_SEAL, errno: unix.EINVAL},
	"seals":      {call: unix.SYS_FCNTL, arg: 1, mask: ^uint32(0), value: unix.F_ADD_SEALS, errno: unix.EINVAL},
	"futex":      {call: unix.SYS_FUTEX, arg: 1, mask: futexPrivate, value: 0, errno: unix.ENOSYS},
	"reading":    {workers: true, call: unix.SYS_FCNTL, arg: 1, mask: ^uint32(0), value: unix.F_GET_SEALS, errno: unix.EPERM},
	"sleeping":   {workers: true, call: unix.SYS_FUTEX, arg: 1, mask: futexPrivate, value: 0, errno: unix.EPERM},
}

func init() {
	how := os.Getenv(refusalVar)
	if r, ok := refusals[how]; ok && (!r.workers || os.Getenv(EnvVar) != "") {
		refuse(how)
	}
	functions["refuse"] = func(_ context.Context, in []byte) ([]byte, error) { refuse(string(in)); return in, nil }
}

// refuse makes the kernel refuse it to every thread of this process, and to
// its children.
func refuse(how string) {
	r := refusals[how]
	arg := 16 + 8*r.arg // of struct seccomp_data; the lower half
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: r.call, Jf: 4},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: arg},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: r.mask},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: r.value, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(r.errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&prog))); errno != 0 {
		panic(errno)
	}
}

// TestRefused runs tests of every way that a call takes where something is
// refused.
func TestRefused(t *testing.T) {
	if os.Getenv(refusalVar) != "" {
		t.Skip("it is refused something itself")
	}
	for how := range refusals {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/proc/self/exe", "-test.run=^(TestPageIsThere|TestReplies|TestLarge|TestBeatsInTurn|TestStop)$")
			cmd.Env = append(os.Environ(), refusalVar+"="+how)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestPageIsThere holds that there is a page where nothing is refused, that it
// serves, and that there is none where something is.
func TestPageIsThere(t *testing.T) {
	how := os.Getenv(refusalVar)
	want := how == "" || how == "noexec"
	w := start(t)
	if (w.page != nil) != want {
		t.Fatalf("there is a page: %v", !want)
	}
	if want {
		awaitPage(t, w)
	}
}

// awaitPage calls until a reply comes at the page: until the machine leaves the
// worker the time.
func awaitPage(t *testing.T, w *Worker) {
	t.Helper()
	for {
		if end := w.Do(Call{Func: "echo", In: []byte("x"), Timeout: bound}); string(end.Body) != "x" {
			t.Fatalf("%+v", end)
		}
		if w.page.word.Load() == turn(w.page.number, done) {
			return
		}
	}
}

// TestRefusedLater shows that calls go on, and that waiting does not become a
// loop, in a worker whose function has locked it in.
func TestRefusedLater(t *testing.T) {
	w := start(t)
	if end := w.Do(Call{Func: "refuse", In: []byte("futex"), Timeout: bound}); string(end.Body) != "futex" {
		t.Fatalf("%+v", end)
	}
	for range 20 {
		if end := w.Do(Call{Func: "echo", In: []byte("x"), Timeout: bound}); string(end.Body) != "x" {
			t.Fatalf("%+v", end)
		}
	}
	if end := w.Do(Call{Func: "sleeps early", Timeout: bound}); string(end.Body) != "" {
		t.Errorf("100 sleeps that the kernel refuses took %s", end.Body)
	}
}

func init() {
	// sleeps early says how long 100 sleeps took if that was no time.
	functions["sleeps early"] = func(ctx context.Context, _ []byte) ([]byte, error) {
		p, begun := FromContext(ctx).server.page, time.Now()
		for range 100 {
			sleepPage(&p.word, p.word.Load(), forever)
		}
		if took := time.Since(begun); took < 100*sleepNap {
			return []byte(took.String()), nil
		}
		return nil, nil
	}
}

// TestAddressSpace shows that a program whose address space is limited has no
// areas in it, and that large payloads go over the pipe.
func TestAddressSpace(t *testing.T) {
	if os.Getenv(refusalVar) != "" {
		t.Skip("there is no page")
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &before); err != nil {
		t.Fatal(err)
	}
	if before.Cur != unix.RLIM_INFINITY {
		t.Skip("it is limited already")
	}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: 1 << 46, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	w, err := Start(config())
	if e := unix.Setrlimit(unix.RLIMIT_AS, &before); e != nil {
		t.Fatal(e)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.page == nil || w.page.lent != nil {
		t.Error("there are areas, or no page")
	}
	in := make([]byte, 3<<20)
	if end := w.Do(Call{Func: "echo", In: in, Timeout: bound}); len(end.Body) != len(in) {
		t.Errorf("%d bytes came back", len(end.Body))
	}
}
