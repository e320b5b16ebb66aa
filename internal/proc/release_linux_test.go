package proc

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRelease: what a tree that was let go has left lives on, and what held
// the tree goes with it or before.
func TestRelease(t *testing.T) {
	eachLevel(t, func(t *testing.T, start starter) {
		tr := shell(t, func(s Spec) (*Tree, error) { s.MayLive = true; return start(s) },
			`(setsid sh -c 'echo >&3; exec sleep 60' &); echo >&3`)
		tr.ready(2)
		tr.ended()
		if err := tr.tree.Release(); err != nil {
			t.Error(err)
		}
		left := tr.holders()
		if len(left) != 1 {
			t.Fatalf("%v live, want the one that the leader left", left)
		}
		if n, err := tr.tree.Close(); n != 0 || err != nil {
			t.Errorf("a tree that was let go is closed: %d, %v", n, err)
		}
		tr.tree.Kill()
		if now := tr.holders(); len(now) != 1 {
			t.Errorf("%v live after the tree was let go and killed", now)
		}
		for _, pid := range left {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Error(err)
			}
			eventually(t, "it is gone, and reaped by whoever has it now", func() bool {
				strays.reap()
				_, ok := readStat(pid)
				return !ok
			})
		}
		if h, ok := tr.tree.hold.(*pidnsHold); ok {
			eventually(t, "the init ends", func() bool { return unix.Kill(h.init, 0) == unix.ESRCH })
		}
		tr.gone()
		tr.clean()
	})
}

// TestKeeperKnowsAtStart: a program that dies in the instant after the start
// of its keeper has told it all.
func TestKeeperKnowsAtStart(t *testing.T) {
	spared := shell(t, startSwept, `echo >&3; exec sleep 60`)
	spared.ready(1)
	other := shell(t, startSwept, `echo >&3; exec sleep 60`)
	other.ready(1)
	k := keeperProcess{swept: true, spared: []mark{spared.tree.hold.(*sweepHold).mark}}
	pidfd, err := k.start(nil)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(pidfd)
	unix.Close(k.pipe) // to the keeper, that is our death
	if st := other.ended(); st.Signal != unix.SIGKILL {
		t.Errorf("the other tree ended with %v", st)
	}
	if _, err := syscall.Wait4(k.pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
	if n := len(spared.holders()); n != 1 {
		t.Errorf("%d processes of the tree that may live on do, want 1", n)
	}
	spared.end()
	other.end()
}

func TestLenient(t *testing.T) {
	for sig, want := range map[syscall.Signal]bool{0: false, unix.SIGKILL: false, unix.SIGTERM: true} {
		if got := (Spec{LastSignal: sig}).lenient(); got != want {
			t.Errorf("%v: %v, want %v", sig, got, want)
		}
	}
}
