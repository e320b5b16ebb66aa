package faults

import (
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
)

// rampage is a run of many tasks whose processes are killed at random.
type rampage struct {
	t       *testing.T
	rnd     *rand.Rand
	level   string
	journal string
	family  family

	supervisors []int // that ran, by pid
	kills       map[string]int
	struck      map[int]bool // workers and keepers of the supervisor that runs, by pid
	alone       bool         // it has lost its keeper, and not been seen with another
	orphans     []int        // supervisors that ended so
	survivors   int
	slowest     time.Duration // from a supervisor's death to the end of all it had
}

// TestKills kills workers, keepers and supervisors while they work, these now
// and then after it has stopped their keeper, and restarts killed supervisors on what the journal leaves them.
func TestKills(t *testing.T) {
	eachLevel(t, func(t *testing.T, level string) {
		r := &rampage{
			t: t, rnd: newRand(t), level: level, journal: filepath.Join(t.TempDir(), "journal"),
			family: newFamily(t), kills: map[string]int{},
		}
		if err := os.WriteFile(r.journal, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(bound + time.Duration(*tasks)*200*time.Millisecond)
		for done := false; !done; {
			if time.Now().After(end) {
				t.Fatal("the tasks do not come to an end")
			}
			done = r.supervisor()
		}
		r.verify()
	})
}

// supervisor runs one supervisor until it is done or was killed.
func (r *rampage) supervisor() (done bool) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"=supervisor", r.family.env(), "CUTOFF_CONTAINMENT="+r.level,
		journalVar+"="+r.journal, tasksVar+"="+strconv.Itoa(*tasks))
	var said strings.Builder
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second // survivors may hold the pipe
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.supervisors = append(r.supervisors, cmd.Process.Pid)
	r.struck, r.alone = map[int]bool{}, false
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	killed := false
	for {
		select {
		case err := <-ended:
			if err != nil && !killed {
				r.t.Errorf("a supervisor that nobody killed: %v\n%s", err, said.String())
			}
			r.extinct()
			if r.alone {
				r.orphans = append(r.orphans, cmd.Process.Pid)
			}
			return !killed
		case <-time.After(time.Duration(r.rnd.IntN(12_000)) * time.Microsecond):
			if !killed {
				killed = r.strike(cmd.Process.Pid)
			}
		}
	}
}

// strike kills one process and reports whether it was the supervisor.
func (r *rampage) strike(supervisor int) bool {
	what, name, per := "worker", "[cutoff worker]", 1
	switch n := r.rnd.IntN(100); {
	case n < 10:
		what, per = "supervisor", 30
	case n < 20:
		what, name, per = "keeper", keeperName, 10
	}
	if r.kills[what] >= r.progress()/per { // else a slow machine would never come to an end
		return false
	}
	kids := offspring(supervisor)
	for pid := range r.struck { // on a busy machine they may take their time to die
		delete(kids, pid)
	}
	r.alone = r.alone && !has(kids, keeperName)
	if what == "supervisor" {
		// A program that is killed together with its keeper leaves its trees
		// to the next one (docs/CONTAINMENT.md): that is another test.
		// At the level of PID namespaces there is none, and none is needed.
		if len(kids) == 0 || r.level != "pidns" && !has(kids, keeperName) {
			return false
		}
		stopped := r.rnd.IntN(2) == 0 && r.stopKeepers(kids)
		if !r.kill(supervisor, os.Getpid()) {
			return false
		}
		r.kills[what]++
		if stopped {
			r.kills["supervisor after its keeper's stop"]++
		}
		return true
	}
	var found []int
	for pid, line := range kids {
		if strings.Contains(line, name) {
			found = append(found, pid)
		}
	}
	if len(found) == 0 {
		return false
	}
	victim := found[r.rnd.IntN(len(found))]
	if r.kill(victim, 0) {
		r.kills[what]++
		r.struck[victim] = true
		r.alone = r.alone || what == "keeper"
	}
	return false
}

// progress is about how many tasks have ended.
func (r *rampage) progress() int {
	const record = 700 // bytes of the journal for each task, more or less
	st, err := os.Stat(r.journal)
	if err != nil {
		return 0
	}
	return int(st.Size() / record)
}

// kill kills a process of the family; parent, if not 0, is who must have
// started it.
func (r *rampage) kill(pid, parent int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || parent == 0 && !strings.Contains(string(b), r.family.env()) {
		return false
	}
	return syscall.Kill(pid, syscall.SIGKILL) == nil
}

// stopKeepers stops the keepers among the processes and reports whether there
// was any: the supervisor's death must continue them.
func (r *rampage) stopKeepers(kids map[int]string) (any bool) {
	for pid, line := range kids {
		any = line == keeperName && syscall.Kill(pid, syscall.SIGSTOP) == nil || any
	}
	return any
}

func has(kids map[int]string, line string) bool {
	for _, l := range kids {
		if l == line {
			return true
		}
	}
	return false
}

// extinct waits until nothing of the ended supervisor lives.
func (r *rampage) extinct() {
	left, took := r.family.gone()
	r.slowest = max(r.slowest, took)
	if r.survivors += len(left); len(left) > 0 {
		r.t.Errorf("alive a second after the supervisor's death: %q", left)
	}
}

// verify reads the journal: each task has ended once, in a way that its deed
// or a kill explains.
func (r *rampage) verify() {
	s, err := readStory(r.journal)
	if err != nil {
		r.t.Fatal(err)
	}
	outcomes := map[cutoff.Outcome]int{}
	starts := 0
	for i := range *tasks {
		id, d := int64(i)+1, deeds[i%len(deeds)]
		starts += s.starts[id]
		ends := s.ends[id]
		if len(ends) != 1 || s.starts[id] < 1 {
			r.t.Errorf("task %d (%s): %d starts, the ends %q", i, d.what, s.starts[id], ends)
			continue
		}
		outcomes[ends[0]]++
		if got := ends[0]; got != d.want && (!d.function || got != cutoff.Crashed && got != cutoff.NotStarted) {
			r.t.Errorf("task %d (%s): %q, and no kill explains it", i, d.what, got)
		}
	}
	if again := starts - *tasks; again < 0 || again > slots*r.kills["supervisor"] {
		r.t.Errorf("%d starts without an end, with %d supervisors killed", again, r.kills["supervisor"])
	}
	r.noCgroups(slices.DeleteFunc(slices.Clone(r.supervisors), func(pid int) bool { return slices.Contains(r.orphans, pid) }))
	if len(r.orphans) > 0 { // theirs are for the next program (docs/CONTAINMENT.md)
		if out, err := exec.Command(program(r.t), "run", "--containment", r.level, "1m", "true").CombinedOutput(); err != nil {
			r.t.Errorf("the next program: %v\n%s", err, out)
		}
		r.noCgroups(r.orphans)
	}
	r.t.Logf("faults: uid %d, %s: %d tasks, %d starts; killed: %v, %d ended without a keeper; outcomes: %v; survivors: %d; all gone within %v of a supervisor's death",
		os.Getuid(), r.level, *tasks, starts, r.kills, len(r.orphans), outcomes, r.survivors, r.slowest.Round(time.Millisecond))
}

// noCgroups holds that no cgroup of these supervisors is left.
func (r *rampage) noCgroups(supervisors []int) {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := cgroupsOf(supervisors)
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			r.t.Errorf("cgroups are left: %q", left)
			break
		}
	}
}
