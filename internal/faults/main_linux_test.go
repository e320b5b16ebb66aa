package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/leak"
	"github.com/cutoff-run/cutoff/internal/proc"
)

var (
	tasks = flag.Int("tasks", 60, "how many tasks TestKills runs at each level")
	seed  = flag.Uint64("seed", 0, "the seed of the random choices; 0 takes one from the clock")
)

// The test binary is also the supervisor whose processes are killed.
const (
	roleVar  = "FAULTS_ROLE"
	tokenVar = "FAULTS_TOKEN" // in the environment of everything that a test starts
)

var roles = map[string]func(){"supervisor": supervise, "shortage": beShort}

// bound ends what would hang.
const bound = time.Minute

func TestMain(m *testing.M) {
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // else every worker's exit takes a second under -race
	cutoff.Init()
	if role := roles[os.Getenv(roleVar)]; role != nil {
		role()
		os.Exit(0)
	}
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	code := leak.Run(m)
	removeProgram()
	os.Exit(code)
}

// newRand returns the random choices of one test.
func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("faults: -seed %d", *seed)
	return rand.New(rand.NewPCG(*seed, 0))
}

// eachLevel runs a test at every containment level that this user can have.
func eachLevel(t *testing.T, f func(t *testing.T, level string)) {
	t.Helper()
	if l := os.Getenv("CUTOFF_CONTAINMENT"); l != "" {
		f(t, l)
		return
	}
	for _, l := range proc.Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			if l.Err != nil {
				t.Skip(l.Err)
			}
			f(t, string(l.Level))
		})
	}
}

// TestOrdinaryUser runs the suite as somebody who may nothing.
func TestOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("an ordinary user runs the suite anyway")
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run=^(TestKills|TestShortage|TestProgram.*|TestDisk)$",
		"-test.timeout=20m", "-tasks", strconv.Itoa(*tasks), "-seed", strconv.FormatUint(*seed, 10))
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), programVar+"="+program(t), "TMPDIR="+os.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "faults:") || strings.Contains(line, "--- ") {
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestKills") {
		t.Errorf("%v\n%s", err, out)
	}
}

// family finds processes by the token in their environment.
type family struct{ token string }

func newFamily(t *testing.T) family {
	f := family{fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano())}
	t.Cleanup(func() {
		for end := time.Now().Add(keeperBound); len(f.members()) > 0; time.Sleep(2 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("still alive: %v", f.members())
				break
			}
		}
		for _, pid := range f.members() { // only if the test has failed
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return f
}

func (f family) env() string { return tokenVar + "=" + f.token }

const (
	keeperName  = "tree-keeper"
	keeperBound = 15 * time.Second // after its program's death
)

// members lists the living processes of the family, keepers included.
func (f family) members() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		b, err := os.ReadFile(dir + "/environ") // empty for the dead
		if err == nil && slices.Contains(strings.Split(string(b), "\x00"), f.env()) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone waits until nothing of the family's trees lives, and returns who was left
// after a second and how long it took in all. Keepers may still be looking
// whether they have got everything; they end before the test does.
func (f family) gone() (survivors []string, took time.Duration) {
	start := time.Now()
	for counted := false; time.Since(start) < 10*time.Second; time.Sleep(2 * time.Millisecond) {
		left := slices.DeleteFunc(f.members(), func(pid int) bool { return commandLine(pid) == keeperName })
		if len(left) == 0 {
			break
		}
		if time.Since(start) > time.Second && !counted {
			counted = true
			for _, pid := range left {
				survivors = append(survivors, fmt.Sprintf("%d %s", pid, commandLine(pid)))
			}
		}
	}
	return survivors, time.Since(start)
}

// offspring lists the living descendants of a process by their command lines.
func offspring(pid int) map[int]string {
	all := map[int]string{}
	for queue := []int{pid}; len(queue) > 0 && len(all) < 1000; queue = queue[1:] {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", queue[0]))
		for _, list := range lists {
			b, _ := os.ReadFile(list)
			for field := range strings.FieldsSeq(string(b)) {
				kid, _ := strconv.Atoi(field)
				all[kid] = commandLine(kid)
				queue = append(queue, kid)
			}
		}
	}
	return all
}

func commandLine(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
}

// cgroupsOf lists the cgroups that are left of these programs, which have ended.
// Another program may have the number of one of them by now: a cgroup whose lock
// is held has an owner, and so have those of its name in other hierarchies.
func cgroupsOf(pids []int) (left []string) {
	owned := map[string]bool{}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		for _, pid := range pids {
			if strings.HasPrefix(d.Name(), fmt.Sprintf("cutoff-%d-", pid)) {
				left = append(left, path)
				owned[d.Name()] = owned[d.Name()] || isLocked(path)
			}
		}
		return nil
	})
	return slices.DeleteFunc(left, func(path string) bool { return owned[filepath.Base(path)] })
}

func isLocked(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == syscall.EWOULDBLOCK
}
