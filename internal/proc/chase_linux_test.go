package proc

import (
	"io"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestChase has nothing but the chase end a process that forks and exits all
// the time, long before its generations are over.
func TestChase(t *testing.T) {
	if !mayLimit() {
		t.Skip("the limit that carries the mark is taken")
	}
	tr := shell(t, startSwept, comet)
	tr.ready(20)
	if err := unix.Kill(tr.tree.PID(), syscall.SIGKILL); err != nil { // the leader alone
		t.Fatal(err)
	}
	tr.ended()
	h := hunter{program: program()}
	tr.w.Close()
	_ = tr.r.SetReadDeadline(time.Now().Add(bound))
	over := make(chan int64)
	go func() {
		n, err := io.Copy(io.Discard, tr.r)
		if err != nil {
			t.Errorf("it lives: %v", err)
		}
		over <- n
	}()
	for n := int64(-1); n < 0; {
		h.chase()
		select {
		case n = <-over:
		default:
		}
		if n > 2000 {
			t.Errorf("it had %d generations more", n)
		}
	}
	if _, err := tr.tree.Close(); err != nil {
		t.Error(err)
	}
}

// TestChaseSpares has a new process of a tree that was let go live through a
// chase.
func TestChaseSpares(t *testing.T) {
	h := hunter{program: 7, spared: map[mark]bool{7<<treeBits | 1: true}}
	for m, want := range map[mark]bool{7<<treeBits | 1: false, 7<<treeBits | 2: true, 8<<treeBits | 2: false, ^mark(0): false} {
		if h.hunted(m) != want {
			t.Errorf("mark %x: hunted is %v", uint64(m), !want)
		}
	}
}
