package report

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

var (
	journalFile = flag.String("journal", "", "write a journal of -tasks tasks to this file, to look at the reports of a large batch")
	tasks       = flag.Int("tasks", 20_000, "how many tasks the large batch of -journal and -pictures has")
)

// TestWriteJournal is a tool: it runs with -journal only.
func TestWriteJournal(t *testing.T) {
	if *journalFile == "" {
		t.Skip("no -journal FILE is given")
	}
	f, err := os.Create(*journalFile)
	check(t, err)
	w := bufio.NewWriterSize(f, 1<<20)
	check(t, writeLarge(w, *tasks))
	check(t, w.Flush())
	check(t, f.Close())
}

// writeLarge writes the journal of a batch on 16 slots, of which most tasks
// are short, some fail, and a few are hopeless.
func writeLarge(w io.Writer, tasks int) error {
	const slots, limit = 16, 5 * time.Second
	zero := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	stamp := func(d time.Duration) string { return zero.Add(d).Format(time.RFC3339Nano) }
	fmt.Fprintf(w, `{"type":"header","format":"cutoff-journal","major":1,"minor":0,"time":"%s","program":"cutoff 0.1.0","argv":["cutoff","batch","-t","5s","-j","16","--journal","run.jsonl","./solve {}"],"dir":"/home/ada/bench","host":"tower","pid":7,"os":"linux","arch":"amd64","cores":16,"slots":16,"limits":{"timeout_ns":%d},"sync":"group"}`+"\n", stamp(0), limit)
	rng := rand.New(rand.NewPCG(3, 4))
	var free [slots]time.Duration
	for i := range tasks {
		slot := 0
		for s := range free {
			if free[s] < free[slot] {
				slot = s
			}
		}
		wall := time.Duration(rng.ExpFloat64() * 0.3 * float64(time.Second) * (1 + float64(i)/float64(tasks)))
		outcome, exit, tail := "ok", 0, ""
		switch p := rng.IntN(1000); {
		case p < 20 || wall > limit:
			outcome, exit, wall = "timeout", -1, limit+time.Duration(rng.IntN(2e6))
			tail = `,"signal":"SIGKILL","overshoot_ns":1200000,"error":"cutoff: took too long: stopped at its limit of 5s"`
		case p < 35:
			outcome, exit = "failed", 1+rng.IntN(3)
		case p < 38:
			outcome, exit, tail = "crashed", -1, `,"signal":"SIGSEGV"`
		}
		begin, end := free[slot]+time.Millisecond, free[slot]+time.Millisecond+wall
		free[slot] = end
		id := fmt.Sprintf("bench/uf%03d-%07d.cnf", 20+rng.IntN(230), i+1)
		task := fmt.Sprintf(`"seq":%d,"id":%q,"identity":"%064x","occurrence":1,"slot":%d,"argv":["./solve",%q]`, i+1, id, uint64(i+1)*0x9e3779b97f4a7c15, slot+1, id)
		_, err := fmt.Fprintf(w, `{"type":"started","time":"%s",%s,"attempt":1}`+"\n"+
			`{"type":"ended","time":"%s",%s,"outcome":"%s","pid":%d,"attempt":1,"started":"%s","wall_ns":%d,"user_ns":%d,"system_ns":3000000,"max_rss_bytes":%d,"exit_code":%d,"containment":"cgroup"%s}`+"\n",
			stamp(begin), task, stamp(end), task, outcome, 1000+i%30000, stamp(begin+200*time.Microsecond), wall, int64(wall)*9/10, 8<<20+rng.IntN(64<<20), exit, tail)
		if err != nil {
			return err
		}
	}
	return nil
}
