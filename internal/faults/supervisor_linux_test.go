package faults

// This file runs in the supervisor that the tests kill.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/journal"
)

// What the supervisor is told.
const (
	journalVar = "FAULTS_JOURNAL"
	tasksVar   = "FAULTS_TASKS"
)

// slots is how many tasks it runs at a time.
const slots = 4

// A deed is what a task does, and the outcome that it has if nobody disturbs it.
type deed struct {
	function bool
	what     string
	want     cutoff.Outcome
}

var deeds = []deed{
	{true, "return", cutoff.OK},
	{true, "nap", cutoff.OK},
	{true, "spin", cutoff.Timeout},
	{true, "panic", cutoff.Crashed},
	{true, "leave", cutoff.OK},
	{true, "fail", cutoff.Failed},
	{false, "exit 0", cutoff.OK},
	{false, "exit 3", cutoff.Failed},
	{false, "(setsid sleep 1000 &); sleep 1000", cutoff.Timeout},
	{false, "(setsid sleep 1000 &); exit 0", cutoff.OK},
	{false, "kill -9 $$", cutoff.Crashed},
}

// limits leave room for a starved machine where the task is to end by itself.
func (d deed) limits() cutoff.Limits {
	if d.want == cutoff.Timeout {
		return cutoff.Limits{Timeout: 30 * time.Millisecond}
	}
	return cutoff.Limits{Timeout: bound}
}

var do = cutoff.Register("do", func(_ context.Context, what string) (string, error) {
	switch what {
	case "nap":
		time.Sleep(5 * time.Millisecond)
	case "spin":
		for {
		}
	case "panic":
		panic("on purpose")
	case "leave":
		c := exec.Command("sleep", "1000")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return what, c.Start()
	case "fail":
		return "", errors.New("on purpose")
	}
	return what, nil
})

// perform runs one task.
func perform(ctx context.Context, pool *cutoff.Pool, d deed) cutoff.Result {
	if !d.function {
		r, _ := cutoff.Command{Path: "sh", Args: []string{"-c", d.what}, Limits: d.limits()}.Run(ctx)
		return r
	}
	c, err := do.Start(ctx, pool.With(d.limits()), d.what)
	if err != nil {
		return cutoff.Result{Outcome: cutoff.NotStarted, ExitCode: -1}
	}
	_, _ = c.Wait()
	return c.Result()
}

// supervise runs what the journal has not settled, and ends with status 0.
func supervise() {
	path := os.Getenv(journalVar)
	n, err := strconv.Atoi(os.Getenv(tasksVar))
	check(err)
	story, err := readStory(path)
	check(err)
	header := journal.Header{Program: "faults"}
	w, err := journal.Append(path, header, journal.Options{Sync: journal.SyncOff})
	if errors.Is(err, journal.ErrNotJournal) { // empty: killed before its first line
		w, err = journal.Create(path, header, journal.Options{Sync: journal.SyncOff})
	}
	check(err)
	before := descriptors()
	pool := newPool()
	todo := make(chan int)
	var runners sync.WaitGroup
	for range slots {
		runners.Go(func() {
			for i := range todo {
				t := journal.Task{ID: strconv.Itoa(i), Seq: int64(i) + 1}
				check(w.Started(journal.Started{Task: t, Attempt: 1}))
				r := perform(context.Background(), pool, deeds[i%len(deeds)])
				check(w.Ended(journal.Ended{Task: t, Result: r}))
			}
		})
	}
	for i := range n {
		if len(story.ends[int64(i)+1]) == 0 {
			todo <- i
		}
	}
	close(todo)
	runners.Wait()
	check(pool.Close())
	settled(before)
	check(w.Close())
}

// newPool starts the pool; its first worker may be killed while it starts.
func newPool() *cutoff.Pool {
	for end := time.Now().Add(bound); ; {
		p, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 2, Spares: 1})
		if err == nil {
			return p
		}
		if time.Now().After(end) {
			check(err)
		}
	}
}

// settled fails the supervisor if it has more descriptors open than before,
// but for those of its keeper and its cgroup.
func settled(before int) {
	const forLife = 4
	var now int
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if now = descriptors(); now <= before+forLife {
			return
		}
	}
	check(fmt.Errorf("%d descriptors are open, %d were before", now, before))
}

func descriptors() int {
	fds, _ := filepath.Glob("/proc/self/fd/*")
	return len(fds)
}

// check ends the supervisor for a failure that no fault explains.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults: the supervisor failed:", err)
		os.Exit(9)
	}
}

// story is what a journal tells of each task.
type story struct {
	starts map[int64]int // by the task's number
	ends   map[int64][]cutoff.Outcome
}

func readStory(path string) (story, error) {
	s := story{map[int64]int{}, map[int64][]cutoff.Outcome{}}
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	for rec, err := range journal.Read(f) {
		var line *journal.LineError
		switch {
		case errors.As(err, &line): // torn by a kill
			continue
		case errors.Is(err, journal.ErrNotJournal):
			return s, nil // nothing was written yet
		case err != nil:
			return s, err
		}
		switch r := rec.(type) {
		case *journal.Started:
			s.starts[r.Seq]++
		case *journal.Ended:
			s.ends[r.Seq] = append(s.ends[r.Seq], r.Outcome)
		}
	}
	return s, nil
}
