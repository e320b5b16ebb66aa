package proc

import (
	"testing"
	"time"
)

func TestOOMRecord(t *testing.T) {
	for rec, want := range map[string]int{
		"3,389001,22181877458,-;Out of memory: Killed process 4711 (python3) total-vm:1kB, anon-rss:1kB, UID:0\n SUBSYSTEM=x\n": 4711,
		"3,1,22181877458,-,caller=T1;Memory cgroup out of memory: Killed process 12 (a (b) c) total-vm:1kB":                     12,
		"3,1,22181877458,-;Out of memory (oom_kill_allocating_task): Killed process 7 (x) total-vm:1kB":                         7,
		"11,1,22181877458,-;Out of memory: Killed process 4711 (forged by a program) total-vm:1kB":                              0,
		"6,1,22181877458,-;audit: Out of memory: Killed process 4711 (x)":                                                       0,
		"6,1,22181877458,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=x,pid=4711,uid=0":                           0,
		"3,1,22181877458,-;Out of memory: Killed process 99999999999999999999 (x)":                                              0,
		"3,1,22181877458,-;tmpfs: Invalid uid '65534'\n":                                                                        0,
		"3,1;Killed process 4711 (": 0,
		"":                          0,
	} {
		at, pid, ok := parseOOMRecord([]byte(rec))
		if ok != (want != 0) || ok && (pid != want || at != 22181877458*time.Microsecond) {
			t.Errorf("%q: %v, %d, %t", rec, at, pid, ok)
		}
	}
}
