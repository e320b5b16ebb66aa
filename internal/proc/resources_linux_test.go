package proc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ownNice is this process's niceness.
func ownNice(t *testing.T) int {
	t.Helper()
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return rawNice - raw
}

// lastCPU is one of the processors that this process may use.
func lastCPU(t *testing.T) int {
	t.Helper()
	var own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		t.Fatal(err)
	}
	cpus := cpusOf(&own)
	return cpus[len(cpus)-1]
}

// asked are resources that everybody can have.
func asked(t *testing.T) Resources {
	r := Resources{NoFile: 77, NoCore: true, Nice: 3, CPUs: []int{lastCPU(t)}}
	if os.Getuid() != 0 {
		r.Processes = 3000
	}
	return r
}

// wantLimits compares with a process's limits as the kernel lists them.
func wantLimits(t *testing.T, limits string, r Resources) {
	t.Helper()
	want := map[string]int64{"Max open files": r.NoFile, "Max processes": r.Processes}
	if r.NoCore {
		want["Max core file size"] = 0
	}
	for name, n := range want {
		if n == 0 && name != "Max core file size" {
			continue
		}
		_, line, _ := strings.Cut(limits, name)
		line, _, _ = strings.Cut(line, "\n")
		f := strings.Fields(line)
		if number := strconv.FormatInt(n, 10); len(f) < 2 || f[0] != number || f[1] != number {
			t.Errorf("%s: %q, want soft and hard %d", name, line, n)
		}
	}
}

// startReading starts a tree that writes to its descriptor 3, and returns what.
func startReading(t *testing.T, start starter, s Spec) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s.Files = []*os.File{nil, nil, os.Stderr, w}
	tree, err := start(s)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out, _ := io.ReadAll(r)
	if !tree.wait(bound) {
		t.Error("it has not ended")
	}
	if st := tree.Status(); st.ExitCode != 0 {
		t.Errorf("it ended with %v", st)
	}
	if _, err := tree.Close(); err != nil {
		t.Error(err)
	}
	return string(out)
}

func TestResourcesOfCommand(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		r := asked(t)
		const script = `exec >&3; cat /proc/self/limits; cut -d" " -f19 /proc/self/stat; grep Cpus_allowed_list /proc/self/status; ls /proc/$$/fd; env; kill -0 $$ && echo "$0"`
		out := startReading(t, start, Spec{Path: "/bin/sh", Args: []string{"its name", "-c", script, "zero"}, Env: os.Environ(), Resources: r})
		wantLimits(t, out, r)
		if want := fmt.Sprintf("\n%d\nCpus_allowed_list:\t%d\n0\n1\n", ownNice(t)+r.Nice, r.CPUs[0]); !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
		if !strings.HasSuffix(out, "zero\n") || strings.Contains(out, launchVar) || strings.Contains(out, resourcesVar) {
			t.Errorf("more than the resources has changed:\n%s", out)
		}
	})
}

var _ = helper("resourceful", func() {
	for range 4 { // threads that are started later
		up := make(chan bool)
		go func() { runtime.LockOSThread(); up <- true; select {} }()
		<-up
	}
	out := os.NewFile(3, "")
	limits, _ := os.ReadFile("/proc/self/limits")
	fmt.Fprintf(out, "%sprocessors %d %v\n", limits, runtime.GOMAXPROCS(0), os.Getenv(resourcesVar))
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		tid, _ := strconv.Atoi(task.Name())
		var set unix.CPUSet
		_ = unix.SchedGetaffinity(tid, &set)
		stat, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/stat")
		_, rest, _ := strings.Cut(string(stat), ") ")
		fmt.Fprintln(out, "thread", strings.Fields(rest)[16], cpusOf(&set))
	}
})

// TestResourcesOfWorker looks at every thread: niceness and processors are
// each thread's own.
func TestResourcesOfWorker(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		r := asked(t)
		for range 10 {
			out := startReading(t, start, Spec{Path: selfPath, Args: []string{"worker"}, Env: helperEnv(t, "resourceful", "GOMAXPROCS="), Resources: r})
			wantLimits(t, out, r)
			threads := strings.Count(out, "thread ")
			each := strings.Count(out, fmt.Sprintf("thread %d %v\n", ownNice(t)+r.Nice, r.CPUs))
			if threads < 5 || each != threads {
				t.Fatalf("%d of %d threads have what was asked for:\n%s", each, threads, out)
			}
		}
	})
}

var _ = helper("thread maker", func() {
	// Threads start and end all the time, from threads of any niceness.
	for range 4 {
		go func() {
			for {
				next := make(chan bool)
				go func() { runtime.LockOSThread(); close(next) }() // ends with its thread
				<-next
			}
		}()
	}
	raw, _ := unix.Getpriority(unix.PRIO_PROCESS, 0)
	for add := 1; add <= 5; add++ {
		if err := takeNice(1); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for range 20 {
			tasks, _ := os.ReadDir("/proc/self/task")
			for _, task := range tasks {
				tid, _ := strconv.Atoi(task.Name())
				if now, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil && now != raw-add {
					fmt.Fprintln(os.Stderr, "a thread got away:", rawNice-now, "and not", rawNice-raw+add)
					os.Exit(1)
				}
			}
		}
	}
})

// TestEachThread changes all threads of a process that makes new ones
// meanwhile: by chance, and between the listing and the change.
func TestEachThread(t *testing.T) {
	seen, made := map[int]bool{}, map[int]bool{}
	end := make(chan bool)
	defer close(end)
	err := eachThread(func(tid int) (changed bool, err error) {
		if len(made) < 3 {
			id := make(chan int)
			go func() { runtime.LockOSThread(); id <- unix.Gettid(); <-end }()
			made[<-id] = true
		}
		changed, seen[tid] = !seen[tid], true
		return changed, nil
	})
	if err != nil {
		t.Error(err)
	}
	for tid := range made {
		if !seen[tid] {
			t.Errorf("thread %d got away", tid)
		}
	}
	startReading(t, Start, Spec{Path: selfPath, Args: []string{"x"}, Env: helperEnv(t, "thread maker")})
}

// TestResourcesRefused asks for more than there is: the start says so, and
// leaves nothing.
func TestResourcesRefused(t *testing.T) {
	for name, c := range map[string]struct {
		r      Resources
		want   string
		denied bool
		user   bool // for ordinary users alone
	}{
		"files":      {Resources{NoFile: 1 << 40}, "1099511627776 open files: operation not permitted: the hard limit is ", true, false},
		"processors": {Resources{CPUs: []int{lastCPU(t), maxCPU}}, "1023]: invalid argument: not all of them are to be had; this program runs on [", false, false},
		"nothing":    {Resources{CPUs: []int{maxCPU}}, "processors [1023]: invalid argument", false, false},
		"niceness":   {Resources{Nice: -1}, "niceness -1: operation not permitted: a negative value takes root", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.user && os.Getuid() == 0 {
				t.Skip("root may")
			}
			if err := c.r.Attainable(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("before: %v, want %q", err, c.want)
			}
			eachLevel(t, func(t *testing.T, start starter) {
				for _, path := range []string{"/bin/true", selfPath} {
					_, err := start(Spec{Path: path, Args: []string{"x"}, Env: os.Environ(), Resources: c.r})
					if err == nil || !strings.Contains(err.Error(), c.want) {
						t.Errorf("%s: %v, want %q", path, err, c.want)
					}
					if errors.Is(err, fs.ErrPermission) != c.denied || errors.As(err, new(syscall.Errno)) {
						t.Errorf("%s: of the wrong kind: %#v", path, err)
					}
				}
			})
		})
	}
}

// TestResourcesNotExecutable: the command's own errors are told as without a
// launcher.
func TestResourcesNotExecutable(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		for path, want := range map[string]error{"/nowhere/x": fs.ErrNotExist, "/etc/passwd": fs.ErrPermission, "/etc": fs.ErrPermission} {
			_, err := start(Spec{Path: path, Args: []string{"x"}, Env: os.Environ(), Resources: asked(t)})
			var pe *os.PathError
			if !errors.As(err, &pe) || pe.Path != path || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", path, err, want)
			}
		}
	})
}

// TestProcessesBind: processes beyond the limit are refused: the tree's, where
// the kernel counts them, and else the user's.
func TestProcessesBind(t *testing.T) {
	r := Resources{Processes: 1}
	if os.Getuid() == 0 && !processesByCgroup() {
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), "does not hold root to it") {
			t.Errorf("root is promised what the kernel does not keep: %v", err)
		}
		return
	}
	eachLevel(t, func(t *testing.T, start starter) {
		s := Spec{Path: "/bin/sh", Args: []string{"sh", "-c", `trap "exit 0" EXIT; exec >&3 2>&3; (echo born)`}, Env: os.Environ(), Resources: r}
		if os.Getuid() == 0 && refusesProcesses(t, start, s) {
			return
		}
		out := startReading(t, start, s)
		if !strings.Contains(out, "fork") || strings.Contains(out, "born") {
			t.Errorf("not refused: %q", out)
		}
	})
}

// TestProcessesOfLauncher: the limit is the command's. The launcher's threads
// are in the cgroup when it takes it, and a Go runtime that cannot have one
// more dies.
func TestProcessesOfLauncher(t *testing.T) {
	if !processesByCgroup() {
		t.Skip("no cgroup counts processes here")
	}
	eachLevel(t, func(t *testing.T, start starter) {
		env := append(os.Environ(), threadsVar+"=1")
		s := Spec{Path: "/bin/true", Args: []string{"true"}, Env: env, Resources: Resources{Processes: 1}}
		if refusesProcesses(t, start, s) {
			return
		}
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range 8 {
					startReading(t, start, s)
				}
			})
		}
		all.Wait()
	})
}

// threadsVar has a launcher start threads for as long as it lives, from its
// initialization on.
const threadsVar = "CUTOFF_TEST_THREADS"

var _ = func() (none struct{}) {
	if os.Getenv(threadsVar) == "" || os.Getenv(launchVar) == "" || os.Getenv(namespaceVar) != "" {
		return
	}
	var thread func()
	thread = func() {
		runtime.LockOSThread() // ends with the goroutine
		runtime.Gosched()      // else each inherits its father's time slice, and the launcher itself gets none for seconds
		go thread()
	}
	go thread()
	return
}()

// refusesProcesses reports whether the level rightly refuses the limit: cgroup
// v2 counts processes at its own level alone, and RLIMIT_NPROC does not bind
// root.
func refusesProcesses(t *testing.T, start starter, s Spec) bool {
	t.Helper()
	if _, err := pidsV1.base(); err == nil || !unboundByProcesses() || strings.HasSuffix(t.Name(), "/"+string(Cgroup)) {
		return false
	}
	tree, err := start(s)
	if err == nil {
		_, _ = tree.Close()
	}
	if !errors.Is(err, errNoProcesses) {
		t.Errorf("root is promised what the kernel does not keep: %v", err)
	}
	return true
}

// TestProcessesOfTree: in a cgroup the tree's own processes count, and no
// others, whoever the user is.
func TestProcessesOfTree(t *testing.T) {
	if !processesByCgroup() {
		t.Skip("no cgroup counts processes here")
	}
	const script = `exec >&3 2>&3; trap "exit 0" EXIT; for i in 1 2; do sleep 60 >&- 2>&- 3>&- & done; echo "$# up"; (echo one more)`
	eachLevel(t, func(t *testing.T, start starter) {
		for n, want := range map[int64]bool{3: false, 4: true} {
			s := Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ(), Resources: Resources{Processes: n}}
			if refusesProcesses(t, start, s) {
				return
			}
			out := startReading(t, start, s)
			if got := strings.Contains(out, "one more"); !strings.Contains(out, " up\n") || got != want {
				t.Errorf("a limit of %d: %q", n, out)
			}
		}
	})
	if left, err := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/pids/cutoff-%d-*/t[0-9]*", os.Getpid())); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestResourcesOfNobody runs the tests of this file as an ordinary user.
func TestResourcesOfNobody(t *testing.T) {
	out := asNobody(t, "-test.run=^(TestResources(OfCommand|OfWorker|Refused|NotExecutable)|TestEachThread|TestProcessesBind)$")
	for _, want := range []string{
		"--- PASS: TestResourcesOfCommand/sweep",
		"--- PASS: TestResourcesOfWorker/sweep",
		"--- PASS: TestResourcesRefused/niceness/sweep",
		"--- PASS: TestProcessesBind/sweep",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestResourcesCheck(t *testing.T) {
	for _, r := range []Resources{{NoFile: -1}, {Processes: -1}, {Nice: 20}, {Nice: -21}, {CPUs: []int{-1}}, {CPUs: []int{0, 1024}}} {
		if r.Check() == nil {
			t.Errorf("%+v passes", r)
		}
	}
	for _, r := range []Resources{{}, {NoFile: 1, NoCore: true, Nice: 19, CPUs: []int{0, 1023}}, {Nice: -20}} {
		if err := r.Check(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
		if got, err := parseResources(strings.Fields(r.String())); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%q is read as %+v, %v", r, got, err)
		}
	}
}

func TestParseCPUs(t *testing.T) {
	for s, want := range map[string][]int{"0": {0}, "3,1": {1, 3}, "0,2-3": {0, 2, 3}, "1-1": {1}, "1,0-2": {0, 1, 2}, "1023": {1023}} {
		if got, err := ParseCPUs(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", ",", "0,", "-1", "1-", "2-1", "x", "1024", "0-1024", "0 1", "+1", "1-2-3", "99999999999999999999"} {
		if got, err := ParseCPUs(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}
