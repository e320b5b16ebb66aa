package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/hostile"
	"github.com/cutoff-run/cutoff/internal/leak"
)

// TestMain makes the test binary play the broken tool, too; package hostile
// sees to it that it plays the children.
func TestMain(m *testing.M) {
	if len(os.Args) > 4 && os.Args[1] == "leader-only" {
		playLeaderOnly(os.Args[2], os.Args[3], os.Args[4:])
		os.Exit(0)
	}
	os.Exit(leak.Run(m))
}

// leaderOnly is a broken tool: it kills the leader at the limit and nothing
// else, and claims that all is well.
func leaderOnly(t *testing.T) Tool {
	return Tool{
		Name: "leader only", Level: "broken",
		Command: func(limit time.Duration, record string, child []string) []string {
			return append([]string{self(t), "leader-only", limit.String(), record}, child...)
		},
	}
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func playLeaderOnly(limit, record string, child []string) {
	after, err := time.ParseDuration(limit)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(child[0], child[1:]...)
	cmd.Stdout = os.Stdout
	res := cutoff.Result{Outcome: cutoff.Timeout, Containment: "broken", Started: time.Now()}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	time.Sleep(after) // its limit
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	b, _ := json.Marshal(res)
	if err := os.WriteFile(record, b, 0o600); err != nil {
		panic(err)
	}
}

// inSurgery runs f where rounds take place, and fails if it leaves anything.
func inSurgery(t *testing.T, f func(*surgery)) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	s, err := newSurgery(Options{Exe: self(t)})
	if err != nil {
		t.Fatal(err)
	}
	f(s)
	s.close()
	nothingLeft(t)
}

// children lists the processes of all rounds.
func (s *surgery) children() (pids []int) {
	pipes, _ := filepath.Glob(filepath.Join(s.dir, "*"))
	for _, pipe := range pipes {
		pids = append(pids, holders(pipe)...)
	}
	return pids
}

// nothingLeft fails if a child of any round that ran in the test's directory
// lives, or if the directory is not empty.
func nothingLeft(t *testing.T) {
	t.Helper()
	cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range cmdlines {
		if b, _ := os.ReadFile(file); strings.Contains(string(b), os.Getenv("TMPDIR")) && alive(filepath.Dir(file)) {
			t.Errorf("%s lives: %q", filepath.Dir(file), b)
		}
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func subject(t *testing.T, name string) Subject {
	t.Helper()
	all := Subjects()
	i := slices.IndexFunc(all, func(s Subject) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no child is called %q", name)
	}
	return all[i]
}

// TestChildren has each child's leader killed and nothing else, and so shows
// that the others do outlive it, that all of them are counted, and that they
// are ended in the end.
func TestChildren(t *testing.T) {
	const any = -1 // at least one
	survivors := map[string]int{
		"sigterm": 1, "setsid": 1, "doublefork": 1, "pipe": 1, "stopped": 1, "ptrace": 1,
		"bomb": any, "comet": any, "thousand": 1000,
		"memory": 0, "printer": 0, "zombies": 0,
	}
	for _, c := range hostile.Children {
		name := c.Name
		survive, ok := survivors[name]
		if !ok {
			t.Errorf("nobody knows what survives of %q", name)
		}
		t.Run(name, func(t *testing.T) {
			if raceEnabled && name == "thousand" {
				t.Skip("a thousand processes of the race detector's size")
			}
			limit := 200 * time.Millisecond
			if !c.Quiet {
				limit *= 5
			}
			tool := leaderOnly(t)
			if survive == 0 { // what is left ends by itself, on a busy machine later
				tool.Settle = time.Minute
			}
			var p planned
			inSurgery(t, func(s *surgery) {
				for try := 1; ; try++ { // a busy machine takes longer to set it up
					p = planned{Line: Line{Case: CutOff}, tool: tool, subject: Subject{Child: c}, limit: limit, rounds: 1}
					err := s.examine(t.Context(), &p)
					if errors.As(err, new(errNoRound)) && try < 4 {
						limit *= 3
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					return
				}
			})
			if p.Rounds != 1 || p.Survivors != survive && survive != any || survive == any && p.Survivors == 0 {
				t.Errorf("%d survivors in %d rounds, want %d", p.Survivors, p.Rounds, survive)
			}
			if some := p.Survivors > 0; some != (p.Gone.Max == nil) || some != (p.Survived == 1) {
				t.Errorf("%d survivors, and %+v", p.Survivors, p.Line)
			}
		})
	}
}

// TestToolKilled kills a tool that has nobody to clean up after it.
func TestToolKilled(t *testing.T) {
	p := planned{Line: Line{Case: Killed}, tool: leaderOnly(t), subject: subject(t, "setsid"), limit: bound, rounds: 2}
	inSurgery(t, func(s *surgery) {
		if err := s.examine(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
	})
	if p.Survivors != 4 || p.Survived != 2 || p.Gone.Median != nil {
		t.Errorf("the leader and its child outlived the tool in two rounds, and it says %+v", p.Line)
	}
}

// TestNoReturn gives a child to a peer that never stops it.
func TestNoReturn(t *testing.T) {
	deaf := Tool{Name: "deaf", Command: func(_ time.Duration, _ string, child []string) []string { return child }}
	p := planned{Line: Line{Case: CutOff}, tool: deaf, subject: subject(t, "sigterm"), limit: time.Millisecond}
	inSurgery(t, func(s *surgery) {
		r, err := s.round(t.Context(), p)
		if err != nil || r.invalid != "" || !r.lost || r.survivors != 2 || r.gone != never {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// TestInterrupted is interrupted in the middle of a round.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := planned{Line: Line{Case: CutOff}, tool: leaderOnly(t), subject: subject(t, "setsid"), limit: bound, rounds: 100}
	inSurgery(t, func(s *surgery) {
		go func() {
			defer cancel()
			for len(s.children()) == 0 && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
		}()
		if err := s.examine(ctx, &p); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestNotReady has no round that counts: no child ever runs.
func TestNotReady(t *testing.T) {
	idle := Tool{Name: "idle", Command: func(time.Duration, string, []string) []string { return []string{"true"} }}
	p := planned{Line: Line{Case: CutOff}, tool: idle, subject: subject(t, "setsid"), limit: time.Second, rounds: 2}
	inSurgery(t, func(s *surgery) {
		if err := s.examine(t.Context(), &p); !errors.As(err, &errNoRound{}) || p.Rounds != 0 || p.Repeated != repeats*2 {
			t.Errorf("%v, %+v", err, p.Line)
		}
	})
}

// TestHolders finds a process by its descriptor alone, and leaves others alone.
func TestHolders(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cat := exec.Command("cat")
	in, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cat.ExtraFiles = []*os.File{f}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	if got := holders(pipe); !slices.Equal(got, []int{cat.Process.Pid}) {
		t.Errorf("found %v, want %d", got, cat.Process.Pid)
	}
	signal(cat.Process.Pid, pipe+"x", unix.SIGKILL) // not one of that pipe
	in.Close()
	if err := cat.Wait(); err != nil {
		t.Errorf("another pipe's process was signaled: %v", err)
	}
	if got := holders(pipe); len(got) != 0 {
		t.Errorf("found %v after its end", got)
	}
}

// TestHoldersNotOurs counts while other rounds begin: what this process has
// forked has all its descriptors until it is another program.
func TestHoldersNotOurs(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(pipe, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	end, all := make(chan struct{}), new(sync.WaitGroup)
	for range 3 {
		all.Go(func() {
			for !closed(end) {
				_ = exec.Command("true").Run()
			}
		})
	}
	for range 100 {
		if found := holders(pipe); len(found) > 0 {
			t.Errorf("nobody but this process has it open, and there are said to be %v", found)
			break
		}
	}
	close(end)
	all.Wait()
}
