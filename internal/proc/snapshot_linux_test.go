package proc

import (
	"strings"
	"testing"
	"time"
)

// TestSnapshot looks at a tree with a child, and with an orphan in a session
// of its own, which belongs to it all the same.
func TestSnapshot(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		tr := shell(t, start, `(setsid sh -c 'echo >&3; exec sleep 61' &); sh -c 'echo >&3; exec sleep 62'; :`)
		tr.ready(2)
		s := tr.tree.Snapshot()
		for end := time.Now().Add(bound); !asleep(s, "sleep 61") || !asleep(s, "sleep 62"); s = tr.tree.Snapshot() {
			if time.Now().After(end) {
				t.Fatalf("got\n%v", s)
			}
		}
		if p := s.Processes[0]; p.PID != tr.tree.PID() || p.Depth != 0 || !strings.HasPrefix(p.Command, "sh -c (setsid") {
			t.Errorf("the leader is not the first:\n%v", s)
		}
		if s.More != 0 || len(s.Processes) != 3 || strings.Count(s.String(), "\n*") != 1 {
			t.Errorf("got\n%v", s)
		}
		tr.end()
		if s := tr.tree.Snapshot(); len(s.Processes) != 0 || s.String() != "" {
			t.Errorf("of a tree that has ended:\n%v", s)
		}
	})
}

// asleep reports whether the command is in the snapshot, below the leader, and
// what it waits for.
func asleep(s Snapshot, command string) bool {
	for _, p := range s.Processes {
		if p.Command == command && p.Depth == 1 && p.State == 'S' && strings.Contains(p.Wait, "nanosleep") {
			return true
		}
	}
	return false
}

// TestSnapshotOfMany shows the busiest of a crowd and counts the others.
func TestSnapshotOfMany(t *testing.T) {
	const crowd = 150
	eachLevel(t, func(t *testing.T, start starter) {
		tr := shell(t, start, `i=0; while [ $i -lt 150 ]; do sleep 63 & i=$((i+1)); done; sh -c 'while :; do :; done' & echo >&3; wait`)
		tr.ready(1)
		for end := time.Now().Add(bound); ; {
			s := tr.tree.Snapshot()
			if len(s.Processes) == maxShown && s.More == crowd+2-maxShown && s.Processes[0].PID == tr.tree.PID() &&
				s.Processes[s.busiest()].Command == "sh -c while :; do :; done" && strings.Contains(s.String(), "and 88 more") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("got\n%v", s)
			}
		}
		tr.end()
	})
}

// TestSnapshotText holds what a command line may do to a table: nothing.
func TestSnapshotText(t *testing.T) {
	if got := printable("a\nb\tc\x1b[31m\xff é"); got != "a.b.c.[31m� é" {
		t.Errorf("got %q", got)
	}
}
