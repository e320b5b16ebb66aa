package outcome

import (
	"os"
	"syscall"
	"testing"

	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// A rule is one sentence about how attempts end. The rules are stated beside
// Decide and not out of it: each names its own conditions in full, no rule
// depends on the order, and each combination must match exactly one.
type rule struct {
	words string
	want  func(Ending) string
	when  func(Ending) bool
}

func is(outcome string) func(Ending) string { return func(Ending) string { return outcome } }

// Conditions that several rules name.
var (
	weActed = func(e Ending) bool { return e.Limit != "" || e.Canceled }
	reason  = func(e Ending) string {
		if e.Limit == "" {
			return "canceled"
		}
		return e.Limit
	}
	// ownEnd: a process that ended in a way that no SIGKILL explains.
	ownEnd = map[Death]bool{ExitZero: true, ExitOther: true, Signaled: true}
	// lostToOwnLimit: the counters prove that the tree's own limit killed in it.
	lostToOwnLimit = func(e Ending) bool { return e.OOM == OOMOwn && e.Death != NotEnded }
	// lostToOthers: they prove it of an outer limit, and the process died so.
	lostToOthers = func(e Ending) bool { return e.OOM == OOMElsewhere && e.Death == Killed }
	forMemory    = func(e Ending) bool { return lostToOwnLimit(e) || lostToOthers(e) }
	silent       = func(e Ending) bool { return e.Reply == NoReply && !e.Broken }
)

var rules = []rule{
	{"what never began is notstarted, whatever else is said of it", is("notstarted"),
		func(e Ending) bool { return !e.Started }},

	// Commands.
	{"a command that exits with 0 and had not been asked to stop is ok, also if its kill was under way", is("ok"),
		func(e Ending) bool { return e.Started && !e.Function && e.Death == ExitZero && !e.Asked }},
	{"a command that was asked to stop ends for the reason of the asking, whatever it does then", reason,
		func(e Ending) bool { return e.Started && !e.Function && e.Asked }},
	{"a command that we killed at once ends for the reason of the kill, if it died of it or nobody can say of what", reason,
		func(e Ending) bool {
			return e.Started && !e.Function && weActed(e) && !e.Asked && !ownEnd[e.Death]
		}},
	{"a command that did not exit with 0, and lost a process to its own memory limit, is memory", is("memory"),
		func(e Ending) bool {
			return e.Started && !e.Function && lostToOwnLimit(e) && e.Death != ExitZero &&
				!e.Asked && (!weActed(e) || ownEnd[e.Death])
		}},
	{"a command that the kernel killed for a memory limit of others is memory too", is("memory"),
		func(e Ending) bool { return e.Started && !e.Function && lostToOthers(e) && !weActed(e) }},
	{"a command that exits with another status by itself has failed", is("failed"),
		func(e Ending) bool {
			return e.Started && !e.Function && e.Death == ExitOther && !e.Asked && !forMemory(e)
		}},
	{"a command that died of a signal that nobody of us sent has crashed", is("crashed"),
		func(e Ending) bool {
			return e.Started && !e.Function && e.Death == Signaled && !e.Asked && !forMemory(e)
		}},
	{"a command that nobody stopped and that died of SIGKILL, or of nobody knows what, has crashed", is("crashed"),
		func(e Ending) bool {
			return e.Started && !e.Function && !weActed(e) && !ownEnd[e.Death] && !forMemory(e)
		}},

	// Functions.
	{"a function's whole result is a result, whatever happened around it", is("ok"),
		func(e Ending) bool { return e.Started && e.Function && e.Reply == Result }},
	{"a function that was asked to stop and brought no result ends for the reason of the asking", reason,
		func(e Ending) bool { return e.Started && e.Function && e.Reply != Result && e.Asked }},
	{"a function's error is its own if it had not been asked to stop", is("failed"),
		func(e Ending) bool { return e.Started && e.Function && e.Reply == Error && !e.Asked }},
	{"a function's panic is its own if it had not been asked to stop", is("crashed"),
		func(e Ending) bool { return e.Started && e.Function && e.Reply == Panic && !e.Asked }},
	{"a worker that broke the protocol has crashed, and the kill was for that", is("crashed"),
		func(e Ending) bool { return e.Started && e.Function && e.Reply == NoReply && e.Broken && !e.Asked }},
	{"a silent function whose worker we killed at once ends for the reason of the kill", reason,
		func(e Ending) bool {
			return e.Started && e.Function && silent(e) && weActed(e) && !e.Asked && !ownEnd[e.Death]
		}},
	{"a silent function whose worker ended for want of memory, and not because we killed it, is memory", is("memory"),
		func(e Ending) bool {
			return e.Started && e.Function && silent(e) && forMemory(e) && !e.Asked && (!weActed(e) || ownEnd[e.Death])
		}},
	{"a silent function whose worker ended in any other way has crashed", is("crashed"),
		func(e Ending) bool {
			return e.Started && e.Function && silent(e) && !forMemory(e) && !e.Asked && (!weActed(e) || ownEnd[e.Death])
		}},
}

// every calls f for each combination of what an Ending can say.
func every(f func(Ending)) {
	limits := []string{"", "timeout", "cpu", "memory", "idle", "output"}
	bools := []bool{false, true}
	for _, started := range bools {
		for _, function := range bools {
			for _, limit := range limits {
				for _, canceled := range bools {
					for _, asked := range bools {
						for _, broken := range bools {
							for reply := NoReply; reply <= Panic; reply++ {
								for death := NotEnded; death <= Unknown; death++ {
									for oom := NoOOM; oom <= OOMElsewhere; oom++ {
										f(Ending{started, function, limit, canceled, asked, reply, broken, death, oom})
									}
								}
							}
						}
					}
				}
			}
		}
	}
}

// possible reports whether an Ending can come about: a command neither replies
// nor speaks the protocol, and nobody asks without a reason.
func possible(e Ending) bool {
	return (e.Function || e.Reply == NoReply && !e.Broken) && (!e.Asked || weActed(e))
}

func TestDecide(t *testing.T) {
	matched := make([]int, len(rules))
	every(func(e Ending) {
		if !possible(e) {
			return
		}
		var by []int
		for i, r := range rules {
			if r.when(e) {
				by = append(by, i)
			}
		}
		if len(by) != 1 {
			t.Errorf("%+v: %d rules match: %v", e, len(by), by)
			return
		}
		r := rules[by[0]]
		matched[by[0]]++
		if got, want := Decide(e), r.want(e); got != want {
			t.Errorf("%+v: %q, but %s: %q", e, got, r.words, want)
		}
	})
	for i, n := range matched {
		if n == 0 {
			t.Errorf("no combination matches the rule that %s", rules[i].words)
		}
	}
}

// What cannot come about still has an outcome, and never a limit that did not
// fire.
func TestDecideAlways(t *testing.T) {
	known := map[string]bool{"ok": true, "failed": true, "memory": true, "crashed": true, "canceled": true, "notstarted": true}
	every(func(e Ending) {
		if got := Decide(e); !known[got] && got != e.Limit || got == "canceled" && !e.Canceled {
			t.Errorf("%+v: %q", e, got)
		}
	})
}

func TestDeathOf(t *testing.T) {
	for _, c := range []struct {
		code   int
		signal syscall.Signal
		want   Death
	}{
		{0, 0, ExitZero}, {1, 0, ExitOther}, {124, 0, ExitOther}, {137, 0, ExitOther},
		{-1, syscall.SIGKILL, Killed}, {-1, syscall.SIGTERM, Signaled}, {-1, 0, Unknown},
	} {
		if got := DeathOf(c.code, c.signal); got != c.want {
			t.Errorf("DeathOf(%d, %d) = %d, want %d", c.code, c.signal, got, c.want)
		}
		if got := CommandDeath(true, c.code, c.signal); got != c.want {
			t.Errorf("CommandDeath(true, %d, %d) = %d, want %d", c.code, c.signal, got, c.want)
		}
		if got := CommandDeath(false, c.code, c.signal); got != NotEnded {
			t.Errorf("CommandDeath(false, %d, %d) = %d", c.code, c.signal, got)
		}
	}
}
