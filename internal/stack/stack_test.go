package stack

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// asked is what a worker answers: runtime.Stack.
const asked = `goroutine 7 [running]:
github.com/cutoff-run/cutoff/internal/worker.(*server).answer(0xc0000b6000, 0xc000012345, {0xc0000c0000, 0x10000, 0x10000})
	/src/cutoff/internal/worker/answer.go:31 +0x1d
created by github.com/cutoff-run/cutoff/internal/worker.(*server).connect in goroutine 1
	/src/cutoff/internal/worker/child.go:76 +0x165

goroutine 9 [select (no cases)]:
main.beside()
	/home/ada/main.go:9 +0xf
created by main.work in goroutine 1
	/home/ada/main.go:12 +0x1a

goroutine 1 [runnable]:
strings.Index(...)
	/usr/local/go/src/strings/strings.go:1189
github.com/dlclark/regexp2.(*runner).execute(0xc00009c140)
	/go/pkg/mod/github.com/dlclark/regexp2@v1.11.5/runner.go:150 +0x1e
main.init.func1({0x5f1d28?, 0xc000010000?}, {{0xc000014000, 0x8}, {0xc000014010, 0x1f}})
	/home/ada/main.go:23 +0x9c
github.com/cutoff-run/cutoff.Register[...].func1({0x5f1cf0?, 0xc000020000?}, {0xc000018000, 0x2a, 0x2a})
	/src/cutoff/func.go:78 +0x1b
github.com/cutoff-run/cutoff/internal/worker.(*server).call(0xc0000b6000, {0x1, 0x1, {0xc000018000, 0x40, 0x40}})
	/src/cutoff/internal/worker/child.go:161 +0x4aa
github.com/cutoff-run/cutoff/internal/worker.(*server).read(0xc0000b6000)
	/src/cutoff/internal/worker/child.go:100 +0x7a
github.com/cutoff-run/cutoff/internal/worker.Serve({{0xc00001a000, 0x30, 0x30}, 0x5c8f30, 0x5c8f38})
	/src/cutoff/internal/worker/child.go:49 +0x2ab
main.main()
	/home/ada/main.go:30 +0x1d
`

const wantAsked = `goroutine 1 [runnable]:
strings.Index(...)
	/usr/local/go/src/strings/strings.go:1189
github.com/dlclark/regexp2.(*runner).execute(0xc00009c140)
	/go/pkg/mod/github.com/dlclark/regexp2@v1.11.5/runner.go:150 +0x1e
main.init.func1({0x5f1d28?, 0xc000010000?}, {{0xc000014000, 0x8}, {0xc000014010, 0x1f}})
	/home/ada/main.go:23 +0x9c

goroutine 9 [select (no cases)]:
main.beside()
	/home/ada/main.go:9 +0xf
created by main.work in goroutine 1
	/home/ada/main.go:12 +0x1a`

// quit is what the runtime prints for SIGQUIT.
const quit = `SIGQUIT: quit
PC=0x4a51c1 m=3 sigcode=0

goroutine 0 gp=0x5f2e40 m=0 mp=0x5f3d00 [idle]:
runtime.futex(0x5f3e40, 0x80, 0x0, 0x0, 0x0, 0x0)
	/usr/local/go/src/runtime/sys_linux_amd64.s:557 +0x21 fp=0x7ffe0d4f sp=0x7ffe0d48 pc=0x4a51c1

goroutine 8 gp=0xc000002a80 m=3 mp=0xc000080008 [running, locked to thread]:
runtime.asyncPreempt2()
	/usr/local/go/src/runtime/preempt.go:308 +0x39 fp=0xc00004e6c0 sp=0xc00004e6a8 pc=0x43b6f9
main.spin(...)
	/home/ada/main.go:60
github.com/cutoff-run/cutoff.Register[...].func1({0x5f1cf0?, 0xc000020000?}, {0xc000018000, 0x2a, 0x2a})
	/src/cutoff/func.go:78 +0x1b fp=0xc00004e700 sp=0xc00004e6d0 pc=0x4a5000
github.com/cutoff-run/cutoff/internal/worker.(*server).call(0xc0000b6000, {0x1, 0x1, {0xc000018000, 0x40, 0x40}})
	/src/cutoff/internal/worker/child.go:161 +0x4aa fp=0xc00004e7c0 sp=0xc00004e700 pc=0x4a5000
runtime.goexit({})
	/usr/local/go/src/runtime/asm_amd64.s:1771 +0x1 fp=0xc00004e7e8 sp=0xc00004e7e0 pc=0x48c221
created by github.com/cutoff-run/cutoff/internal/worker.Serve in goroutine 1
	/src/cutoff/internal/worker/child.go:50 +0x37b

goroutine 2 gp=0xc000002380 m=nil [force gc (idle)]:
runtime.gopark(0x0?, 0x0?, 0x0?, 0x0?, 0x0?)
	/usr/local/go/src/runtime/proc.go:462 +0xce fp=0xc00004afa8 sp=0xc00004af88 pc=0x4850ce
created by runtime.init.7 in goroutine 1
	/usr/local/go/src/runtime/proc.go:361 +0x1a

rax    0x3
r10    0x0
`

const wantQuit = `goroutine 8 [running, locked to thread]:
main.spin(...)
	/home/ada/main.go:60`

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, text, want, where string }{
		{"asked", asked, wantAsked, "regexp2.(*runner).execute"},
		{"quit", quit, wantQuit, "main.spin"},
		{"nothing", "", "", ""},
		{"something else", "panic: boom\n", "", ""},
	} {
		if got := Clean(c.text, false); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if got := Where(Clean(c.text, false)); got != c.where {
			t.Errorf("%s: in %q, want %q", c.name, got, c.where)
		}
	}
}

// TestCleanCut cuts the texts at every place: what is told is always whole, or
// the function's own goroutine as far as it came.
func TestCleanCut(t *testing.T) {
	for _, text := range []string{asked, quit} {
		for n := range text {
			got := Clean(text[:n], true)
			if got != "" && !strings.HasSuffix(got, "\n"+strings.TrimSpace(cutLine)) {
				t.Fatalf("cut at %d: it does not say so:\n%s", n, got)
			}
			if strings.Contains(got, "internal/worker") && strings.Contains(text[:n], callFunc+"(0xc0000b6000, {0x1, 0x1, {0xc000018000, 0x40, 0x40}})") {
				t.Fatalf("cut at %d: the worker's frames:\n%s", n, got)
			}
		}
	}
}

func TestCleanBound(t *testing.T) {
	var b strings.Builder
	b.WriteString(asked)
	for i := range 10_000 {
		fmt.Fprintf(&b, "\ngoroutine %d [chan receive]:\nmain.wait()\n\t/home/ada/main.go:7 +0x11\n", 100+i)
	}
	got := Clean(b.String(), false)
	if len(got) > Bound || len(got) < Bound-1000 || !strings.HasPrefix(got, wantAsked) || !strings.HasSuffix(got, "\n\n"+strings.TrimSpace(cutLine)) {
		t.Errorf("%d bytes, from\n%.200s\nto\n%s", len(got), got, got[max(0, len(got)-200):])
	}
}

// TestRuntime holds the parser against the runtime of this very build.
func TestRuntime(t *testing.T) {
	buf := make([]byte, 1<<20)
	text := string(buf[:runtime.Stack(buf, true)])
	all := parse(text)
	if len(all) != strings.Count(text, "]:\n") || len(all) == 0 {
		t.Fatalf("%d goroutines of\n%s", len(all), text)
	}
	if all[0].frames[0].fn != "github.com/cutoff-run/cutoff/internal/stack.TestRuntime" {
		t.Errorf("got %+v", all[0])
	}
}

func TestWhere(t *testing.T) {
	for frames, want := range map[string]string{
		"a.io/b/yaml%2ev3.(*parser).parse(0x1)\n\t/x/a.io/b/yaml.go:1 +0x1":               "yaml.v3.(*parser).parse",
		"a.io/b/yaml/v3.Unmarshal({0x1})\n\t/x/a.io/b/yaml/v3/yaml.go:1 +0x1":             "yaml/v3.Unmarshal",
		"a.io/b.Map[...].func1(0x1)\n\t/x/a.io/b/map.go:1 +0x1":                           "b.Map[...].func1",
		"main._Cfunc_loop(0x1)\n\t_cgo_gotypes.go:60 +0x1":                                "main._Cfunc_loop",
		"encoding/json.(*decodeState).object(...)\n\t/go/src/encoding/json/decode.go:700": "json.(*decodeState).object",
		"encoding/json.(*decodeState).object(...)\n\tencoding/json/decode.go:700":         "json.(*decodeState).object",
		"internal/sync.runtime_SemacquireMutex(0x0?)\n\t/go/src/runtime/sema.go:95 +0x25\nsync.(*Mutex).Lock(...)\n\t/go/src/sync/mutex.go:46\napp/store.(*DB).Get(...)\n\t/home/ada/app/store/db.go:7": "store.(*DB).Get",
		"time.Sleep(0x1)\n\t/go/src/runtime/time.go:338 +0x1": "",
		"...100 additional frames elided...":                  "",
	} {
		if got := Where("goroutine 1 [running]:\n" + frames + "\n"); got != want {
			t.Errorf("%s\nis in %q, want %q", frames, got, want)
		}
	}
	head := tableHead + "     CPU  WAITS IN             COMMAND\n"
	for line, want := range map[string]string{
		"      7 S        0.00s  wait4                sh -c x\n*      8 S        0.01s  clock_nanosleep        sleep 60\n         and 3 more": "sleep (clock_nanosleep)",
		"*      8 R        5.00s  -                    /opt/bin/solve x.cnf":                                                                  "solve",
		"*      8 T        5.00s  -                    solve":                                                                                 "solve (stopped)",
		"*      8 Z        5.00s  -                    [solve]":                                                                               "[solve] (dead, not waited for)",
		"      7 S        0.00s  wait4                sh -c x":                                                                                "",
	} {
		if got := Where(head + line); got != want {
			t.Errorf("%s\nis in %q, want %q", line, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add(asked)
	f.Add(quit)
	f.Add(tableHead + "\n*1")
	f.Fuzz(func(t *testing.T, text string) {
		for _, cut := range []bool{false, true} {
			got := Clean(text, cut)
			if len(got) > Bound {
				t.Errorf("%d bytes", len(got))
			}
			Where(got)
		}
		Where(text)
	})
}
