package proc

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The helper "eat-at-once" has the kernel fill pages as fast as it can: so many
// MiB as EAT says. With EAT_CHILDREN, so many children of it do.
var _ = helper("eat-at-once", func() {
	n, _ := strconv.Atoi(os.Getenv("EAT"))
	if kids, _ := strconv.Atoi(os.Getenv("EAT_CHILDREN")); kids > 0 {
		_ = os.Unsetenv("EAT_CHILDREN")
		var started []*os.Process
		for range kids {
			p, err := os.StartProcess("/proc/self/exe", []string{"eater"}, &os.ProcAttr{Files: []*os.File{nil, nil, nil}})
			if err != nil {
				os.Exit(3)
			}
			started = append(started, p)
		}
		for _, p := range started {
			_, _ = p.Wait()
		}
		os.Exit(4)
	}
	_, err := unix.Mmap(-1, 0, n<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		os.Exit(5)
	}
})

const mebibyte = 1 << 20

// eat starts a tree that takes memory at once, and that nobody watches.
func eat(t *testing.T, level Level, limit int64, more ...string) *Tree {
	t.Helper()
	tr, err := Start(Spec{
		Level: level, Path: "/proc/self/exe", Args: []string{"eater"}, Memory: limit,
		Env: helperEnv(t, "eat-at-once", more...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = tr.Close() })
	return tr
}

// kernelLevels lists the levels at which the kernel keeps a limit of memory
// here: all with cgroup v1, one with v2.
func kernelLevels(t *testing.T) []Level {
	t.Helper()
	if _, err := memoryV1.own(); err == nil {
		_ = ownMemoryV1(t)
		return programLevels()
	}
	if c, err := cgroups(); err == nil && c.handsOn("memory") {
		return []Level{Cgroup}
	}
	t.Skip("the kernel limits no memory here")
	return nil
}

// ownMemoryV1 skips the test where the kernel keeps no limit by cgroup v1 for
// this user, and returns the program's own.
func ownMemoryV1(t *testing.T) *cgroupParent {
	t.Helper()
	c, err := memoryV1.own()
	if err != nil {
		t.Skip("no v1 memory cgroup can be made here:", err)
	}
	t.Cleanup(func() {
		if left, err := filepath.Glob(path.Join(c.dir, "t[0-9]*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return c
}

// TestMemoryKernel: the kernel alone holds a tree near its limit, at every
// level, however fast it grows and whoever in it does.
func TestMemoryKernel(t *testing.T) {
	levels := kernelLevels(t)
	// The pages of the executable are in others' account, and the peak begins
	// with what the launcher had.
	const peak = 256 * mebibyte
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			tr := eat(t, level, 64*mebibyte, "EAT=1024")
			<-tr.Exited()
			st := tr.Status()
			if oom := tr.OOM(); st.Signal != unix.SIGKILL || oom.Own < 1 || oom.Elsewhere != 0 || st.MaxRSS > peak {
				t.Errorf("the leader: %v, %+v, with %d MiB", st, oom, st.MaxRSS/mebibyte)
			}
			if _, err := tr.Close(); err != nil || tr.OOM().Own < 1 {
				t.Errorf("after the close: %v, %+v", err, tr.OOM())
			}

			// The leader may have to go too: the kernel does not wait for those
			// that it kills to be gone.
			tr = eat(t, level, 64*mebibyte, "EAT=1024", "EAT_CHILDREN=8")
			<-tr.Exited()
			st = tr.Status()
			if oom := tr.OOM(); st.ExitCode != 4 && st.Signal != unix.SIGKILL || oom.Own < 1 || oom.Elsewhere != 0 || st.MaxRSS > peak {
				t.Errorf("8 children: %v, %+v, with %d MiB", st, oom, st.MaxRSS/mebibyte)
			}
			_, _ = tr.Close()

			tr = eat(t, level, 256*mebibyte, "EAT=32")
			<-tr.Exited()
			if st := tr.Status(); st.ExitCode != 0 || tr.OOM() != (OOM{}) {
				t.Errorf("within the limit: %v, %+v", st, tr.OOM())
			}
			_, _ = tr.Close()
		})
	}
}

// TestMemoryElsewhere: a kill for a limit further up is not for the tree's own.
func TestMemoryElsewhere(t *testing.T) {
	c := ownMemoryV1(t)
	outer := memoryGroupV1{groupV1{c.dir}}
	if err := outer.set(40*mebibyte, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := outer.set(0, 40*mebibyte); err != nil {
			t.Error(err)
		}
	})
	tr := eat(t, "", 64*mebibyte, "EAT=1024")
	<-tr.Exited()
	if st := tr.Status(); st.Signal != unix.SIGKILL || tr.OOM().Own != 0 || tr.OOM().Elsewhere < 1 {
		t.Errorf("%v, %+v", st, tr.OOM())
	}
	_, _ = tr.Close()
}

// TestLimitMemory: a limit may come later, change and go; one that cannot be
// had, because more is in use, is none.
func TestLimitMemory(t *testing.T) {
	c := ownMemoryV1(t)
	tr := shell(t, func(s Spec) (*Tree, error) { s.Memory = MemoryLater; return Start(s) }, `echo >&3; exec sleep 60`)
	tr.ready(1)
	dirs, err := filepath.Glob(path.Join(c.dir, "t[0-9]*"))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	read := func() (memory, swap int64) {
		for name, n := range map[string]*int64{"memory.limit_in_bytes": &memory, "memory.memsw.limit_in_bytes": &swap} {
			b, err := os.ReadFile(path.Join(dirs[0], name))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			*n, _ = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		}
		if swap == 0 {
			swap = memory
		}
		return memory, swap
	}
	none, _ := read()
	for _, limit := range []int64{64 * mebibyte, 128 * mebibyte, 32 * mebibyte, 0, 32 * mebibyte} {
		tr.tree.LimitMemory(limit)
		want := kernelLimit(limit)
		if limit == 0 {
			want = none
		}
		if memory, swap := read(); memory != want || swap != want {
			t.Errorf("%d MiB: %d, %d, want %d", limit/mebibyte, memory, swap, want)
		}
	}
	b, err := os.ReadFile(path.Join(dirs[0], "cgroup.procs"))
	if err != nil || strings.TrimSpace(string(b)) != strconv.Itoa(tr.tree.PID()) {
		t.Errorf("the leader %d is not alone in the cgroup: %q, %v", tr.tree.PID(), b, err)
	}
	tr.end()
}

// TestMemoryHeld: the kernel takes no limit below what cannot be dropped, and
// then none is left.
func TestMemoryHeld(t *testing.T) {
	l, err := newMemoryLimit(heldFiles{}, MemoryLater)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.set(mebibyte); !errors.Is(err, errHeld) || l.limit != 0 {
		t.Errorf("%v, %d", err, l.limit)
	}
}

type heldFiles struct{}

func (heldFiles) set(limit, was int64) error {
	if limit > 0 {
		return errHeld
	}
	return nil
}

func (heldFiles) kills(int64) (int64, bool, error) { return 0, false, nil }

// TestMemoryV2 is the logic of cgroup v2 on a directory of plain files.
func TestMemoryV2(t *testing.T) {
	c := &cgroupParent{dir: t.TempDir()}
	tree := path.Join(c.dir, "t1")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	file := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(path.Join(c.dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := func(name, content string) {
		t.Helper()
		if b, err := os.ReadFile(path.Join(c.dir, name)); err != nil || !strings.HasPrefix(string(b), content) {
			t.Errorf("%s: %q, %v, want %q", name, b, err, content)
		}
	}
	limit := func(bytes int64) *memoryLimit { return c.control(&Spec{Memory: bytes}, tree) }
	if limit(mebibyte) != nil {
		t.Error("a limit without the files")
	}
	file("cgroup.controllers", "cpu io pids\n")
	file("cgroup.subtree_control", "")
	if limit(mebibyte) != nil {
		t.Error("a limit without the controller")
	}
	file("cgroup.controllers", "cpu memory pids\n")
	for name, content := range map[string]string{
		"memory.max": "max\n", "memory.swap.max": "max\n", "memory.oom.group": "0\n", "memory.current": "4194304\n",
		"memory.stat": "anon 1048576\nfile 3145728\ninactive_file 2097152\nactive_file 1048576\n",
	} {
		file("t1/"+name, content)
	}
	k := limit(64 * mebibyte)
	if k == nil {
		t.Fatal("no limit")
	}
	want("cgroup.subtree_control", "+memory")
	want("t1/memory.max", fmt.Sprint(kernelLimit(64*mebibyte)))
	want("t1/memory.swap.max", "0")
	want("t1/memory.oom.group", "1")

	file("t1/memory.current", fmt.Sprint(kernelLimit(mebibyte)+3*mebibyte))
	if err := k.set(mebibyte); !errors.Is(err, errHeld) {
		t.Errorf("a limit below what is held: %v", err)
	}
	file("t1/memory.current", fmt.Sprint(kernelLimit(mebibyte)+2*mebibyte))
	if err := k.set(mebibyte); err != nil {
		t.Errorf("a limit below what is held, but not below what the cache is not: %v", err)
	}

	events := func(oom, kills int) {
		file("t1/memory.events.local", fmt.Sprintf("low 0\nhigh 0\nmax 9\noom %d\noom_kill %d\noom_group_kill 0\n", oom, kills))
	}
	for _, s := range []struct {
		oom, kills int
		want       OOM
	}{{0, 0, OOM{}}, {0, 1, OOM{Elsewhere: 1}}, {1, 4, OOM{Own: 3, Elsewhere: 1}}} {
		if events(s.oom, s.kills); k.oom() != s.want {
			t.Errorf("oom %d, oom_kill %d: %+v, want %+v", s.oom, s.kills, k.oom(), s.want)
		}
	}
	if err := os.RemoveAll(tree); err != nil {
		t.Fatal(err)
	}
	if got := k.oom(); got != (OOM{Own: 3, Elsewhere: 1}) {
		t.Errorf("when the files are gone: %+v", got)
	}
}

func TestMemoryMount(t *testing.T) {
	for line, want := range map[string]string{
		"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory":                         "/ /sys/fs/cgroup/memory",
		`35 31 0:32 /docker/1 /a\040b rw - cgroup cgroup rw,hugetlb,memory`:                                "/docker/1 /a b",
		"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate,memory_recursive": "",
		"33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct":                       "",
		"": "",
	} {
		root, mount, ok := memoryV1.mount(line)
		if got := strings.TrimSpace(root + " " + mount); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t", line, got, ok)
		}
	}
}

// TestMemoryAbandoned: what a program left behind is removed by the next one; a
// living program's stays.
func TestMemoryAbandoned(t *testing.T) {
	c := ownMemoryV1(t)
	base := path.Dir(c.dir)
	dead := path.Join(base, "cutoff-1-0badcafe")
	for _, d := range []string{dead, path.Join(dead, "t1")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = removeCgroup(dead) })
	removeAbandoned(base, rmdirAll)
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", dead, err)
	}
	if _, err := os.Stat(c.dir); err != nil {
		t.Errorf("our own: %v", err)
	}
	if name := path.Base(c.dir); ownNameOf(ownID(name)) != name || ownNameOf(ownID("cutoff-7-0000000a")) != "cutoff-7-0000000a" {
		t.Errorf("%s is told as %s", name, ownNameOf(ownID(name)))
	}
}
