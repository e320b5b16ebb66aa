package doctor

import (
	"os/exec"
	"strconv"
	"time"
)

// program is the name that our own tools are called by.
const program = "cutoff"

// Ours is this program at a containment level.
func Ours(exe, level string) Tool {
	return Tool{
		Name: program, Level: level, Functions: true,
		Env: []string{"CUTOFF_CONTAINMENT=" + level},
		Command: func(limit time.Duration, record string, child []string) []string {
			return append([]string{exe, "run", "--signal", "KILL", "--json", record, seconds(limit)}, child...)
		},
	}
}

// Peers are the programs that people use for the same. They promise less about
// when they return, so what they stopped has another second to be gone.
func Peers() []Tool {
	tools := []Tool{
		peer("timeout", "timeout"),
		peer("timeout -s KILL", "timeout", "-s", "KILL"),
		peer("timeout -k 0.1", "timeout", "-k", "0.1"),
	}
	parallel := peer("parallel --timeout", "parallel")
	parallel.Command = func(limit time.Duration, _ string, child []string) []string {
		argv := []string{"parallel", "--will-cite", "--timeout", seconds(limit), "-n0"}
		return append(append(argv, child...), ":::", "once")
	}
	return append(tools, parallel)
}

// peer is a program that takes its options, the limit and the command.
func peer(name string, argv ...string) Tool {
	t := Tool{
		Name:   name,
		Settle: killSettle,
		Command: func(limit time.Duration, _ string, child []string) []string {
			return append(append(append([]string{}, argv...), seconds(limit)), child...)
		},
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Missing = argv[0] + " is not installed"
	}
	return t
}

// seconds writes a duration as all of them read it.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
