package cli

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff/journal"
)

var kills = flag.Int("resume.kills", 6, "how often TestResumeAfterKills kills its batch; it has 25 tasks for each")

// TestResumeAfterKills kills a batch with SIGKILL at random instants and goes
// on with it, again and again, until it is done:
//
//   - each task is settled by exactly one record, also those that have equals;
//   - a task whose end was told to anybody never runs again, by what the tasks
//     themselves write down;
//   - no two attempts of a task have one number.
//
// The proof at large: go test -run TestResumeAfterKills -resume.kills=200
func TestResumeAfterKills(t *testing.T) {
	k := &killed{t: t, dir: t.TempDir(), told: map[string]int{}}
	k.writeList(25 * *kills)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	args := []string{"batch", "-j", "3", "-t", "1m", "--journal", "run.jsonl", "--sync", "always", "--progress", "none", "-a", "list", "echo {} >>ran.$ROUND; echo {}"}
	for round := range *kills {
		k.run(round, 1+rnd.IntN(40), time.Duration(rnd.IntN(4000))*time.Microsecond, args)
		args = []string{"resume", "run.jsonl"}
	}
	k.run(*kills, -1, 0, args)
	k.checkJournal()
	k.checkRuns()
	if err := checkJournals(k.dir); err != nil {
		t.Error(err)
	}
}

// killed is a batch that is killed in several rounds.
type killed struct {
	t     *testing.T
	dir   string
	lines map[string]int // of the list, and how often each
	told  map[string]int // in which round the end of a task was told
	again int            // attempts that had to be made a second time
}

// writeList writes a list of n lines, a tenth of which come in pairs.
func (k *killed) writeList(n int) {
	k.lines = map[string]int{}
	var b strings.Builder
	for i := range n {
		line := strconv.Itoa(i)
		if i%10 == 9 {
			line = strconv.Itoa(i-i%20+5) + " twice"
		}
		k.lines[line]++
		fmt.Fprintln(&b, line)
	}
	if err := os.WriteFile(filepath.Join(k.dir, "list"), []byte(b.String()), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// run starts the program and kills it some time after it has told of the ends
// of some tasks; a negative number lets it go to its end.
func (k *killed) run(round, ends int, after time.Duration, args []string) {
	k.t.Helper()
	cmd := exec.Command("cutoff", args...)
	cmd.Dir, cmd.Env = k.dir, append(os.Environ(), "ROUND="+strconv.Itoa(round))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); {
		k.tell(lines.Text(), round)
		if n++; n == ends {
			time.Sleep(after) // the instant is random, nothing waits for it
			_ = cmd.Process.Kill()
		}
	}
	err = cmd.Wait()
	if done := err == nil; !done && (ends < 0 || cmd.ProcessState.Exited()) { // a round may end before its kill
		k.t.Fatalf("round %d: %v\n%s", round, err, stderr.String())
	}
}

// tell remembers the last round that told of a line.
func (k *killed) tell(line string, round int) {
	if k.lines[line] == 0 {
		k.t.Errorf("round %d tells of %q, which is in no list", round, line)
	}
	if k.lines[line] == 1 {
		if before, ok := k.told[line]; ok {
			k.t.Errorf("rounds %d and %d tell of the end of %q", before, round, line)
		}
		k.told[line] = round
	}
}

// checkJournal counts the records of each task.
func (k *killed) checkJournal() {
	f, err := os.Open(filepath.Join(k.dir, "run.jsonl"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer f.Close()
	starts, ends, tasks := map[string]bool{}, map[string]int{}, map[string]int{}
	for rec, err := range journal.Read(f) {
		var line *journal.LineError
		switch {
		case errors.As(err, &line):
			continue // a record that the kill tore
		case err != nil:
			k.t.Fatal(err)
		}
		switch r := rec.(type) {
		case *journal.Started:
			attempt := fmt.Sprint(r.Identity, r.Occurrence, r.Attempt)
			if starts[attempt] {
				k.t.Errorf("two attempts %d of %q", r.Attempt, r.ID)
			}
			starts[attempt] = true
			if r.Attempt > 1 {
				k.again++
			}
		case *journal.Ended:
			if ends[fmt.Sprint(r.Identity, r.Occurrence)]++; r.Outcome != "ok" {
				k.t.Errorf("%q ended as %s: %s", r.ID, r.Outcome, r.Error)
			}
			tasks[r.ID]++
		}
	}
	for task, n := range ends {
		if n != 1 {
			k.t.Errorf("task %s has %d ends", task, n)
		}
	}
	for line, n := range k.lines {
		if tasks[line] != n {
			k.t.Errorf("%d of the %d tasks %q have ended", tasks[line], n, line)
		}
	}
	k.t.Logf("%d tasks, %d attempts, %d of them made again", len(ends), len(starts), k.again)
}

// checkRuns reads what the tasks wrote down in each round.
func (k *killed) checkRuns() {
	ran := map[string]int{}
	for round := range *kills + 1 {
		f, err := os.Open(filepath.Join(k.dir, "ran."+strconv.Itoa(round)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			k.t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		_ = f.Close()
		if err != nil {
			k.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			ran[line]++
			if told, ok := k.told[line]; ok && told < round {
				k.t.Errorf("%q ran in round %d, and its end was told in round %d", line, round, told)
			}
		}
	}
	for line, n := range k.lines {
		if ran[line] < n {
			k.t.Errorf("%q ran %d times, want %d at least", line, ran[line], n)
		}
	}
}
