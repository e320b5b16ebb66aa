package proc

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// How the sweep level knows its own. A process that detached itself keeps two
// marks of its tree, both inherited through fork and exec:
//
//   - the soft limit of file locks (RLIMIT_LOCKS). Linux has ignored that limit
//     since 2.4.25, and programs that clean their environment, change user or
//     overwrite their own memory leave it alone. It can be read from outside,
//     of every process, even of one that is dead and not yet reaped. Its 62
//     bits are the program's random number and the tree's number in it.
//   - the variable CUTOFF_TREE, which is there from the first instant, before
//     the limit can be set from outside; and where the limit is taken already,
//     because the program itself runs in a tree of another one.

const (
	treeVar  = "CUTOFF_TREE"
	treeBits = 22
)

// program is this program's random number: 40 bits, not zero.
var program = sync.OnceValue(func() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])>>24 | 1
})

var trees atomic.Uint64

// mark names one tree.
type mark uint64

func newMark() mark {
	return mark(program()<<treeBits | trees.Add(1)&(1<<treeBits-1))
}

func (m mark) program() uint64 { return uint64(m) >> treeBits }

// token is the mark as it stands in the environment.
func (m mark) token() string {
	return fmt.Sprintf("%x.%x", m.program(), uint64(m)&(1<<treeBits-1))
}

// mayLimit reports whether the limit is free to carry our marks.
var mayLimit = sync.OnceValue(func() bool {
	var own unix.Rlimit
	return unix.Prlimit(0, unix.RLIMIT_LOCKS, nil, &own) == nil && own.Cur == unix.RLIM_INFINITY
})

// env returns the environment with the mark added to those that are there.
func (m mark) env(env []string) []string {
	out := make([]string, 0, len(env)+1)
	value := m.token()
	for _, kv := range env {
		if outer, ok := strings.CutPrefix(kv, treeVar+"="); ok {
			value = outer + "," + m.token()
			continue
		}
		out = append(out, kv)
	}
	return append(out, treeVar+"="+value)
}

// set marks a process and what it has started before. What is born later
// inherits the mark.
func (m mark) set(pid int) {
	if unix.Prlimit(pid, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: uint64(m), Max: unix.RLIM_INFINITY}, nil) != nil {
		return
	}
	for _, child := range childrenOf(pid) {
		m.set(child)
	}
}

// A leader is marked from outside, as soon as its start is known. In the
// moment before, it may already have started a daemon that left its session,
// lost its parent and threw its environment away. newborn finds such ones.
type newborn struct {
	before map[int]bool // the children of the main thread before the start
}

func beforeBirth() newborn {
	b := newborn{before: map[int]bool{}}
	for _, pid := range childrenOfThread(os.Getpid(), os.Getpid()) {
		b.before[pid] = true
	}
	return b
}

// mark marks the leader and what it started before it was marked.
func (b newborn) mark(leader int, m mark) {
	if !mayLimit() {
		return // the variable has to do
	}
	m.set(leader)
	for again := true; again; { // until nothing new came while we looked
		again = false
		for _, pid := range childrenOfThread(os.Getpid(), os.Getpid()) {
			if pid != leader && !b.before[pid] {
				b.before[pid] = true
				if m.orphaned(pid) {
					m.set(pid)
					again = true
				}
			}
		}
	}
}

// orphaned reports whether a new child of the main thread, where adopted ones
// go, is an orphan of the tree that is being started. It is if it has the
// tree's variable still. If it has no such variable, it might also be a child
// that another part of this program started from that thread in the same
// instant: such a one would be in our session or have something of our
// environment.
func (m mark) orphaned(pid int) bool {
	st, ok := readStat(pid)
	if !ok || locksLimit(pid) != math.MaxUint64 { // marked already
		return false
	}
	env := environ(pid)
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, treeVar+"="); ok {
			return m.in(value)
		}
	}
	if own, ok := readStat(os.Getpid()); !ok || st.session == own.session {
		return false
	}
	own := os.Environ()
	return !slices.ContainsFunc(env, func(kv string) bool {
		switch key, _, _ := strings.Cut(kv, "="); key {
		case "PWD", "OLDPWD", "SHLVL", "_": // a shell sets them anew
			return false
		}
		return slices.Contains(own, kv)
	})
}

// in reports whether the mark is one of those in the variable's value.
func (m mark) in(value string) bool {
	return slices.Contains(strings.Split(value, ","), m.token())
}

// on reports whether the process carries the mark.
func (m mark) on(pid int) bool {
	return locksLimit(pid) == uint64(m) || m.in(envOf(pid, treeVar))
}

// programOn reports whether the process carries any mark of the program.
func programOn(pid int, program uint64) bool {
	if mark(locksLimit(pid)).program() == program {
		return true
	}
	prefix := fmt.Sprintf("%x.", program)
	for token := range strings.SplitSeq(envOf(pid, treeVar), ",") {
		if strings.HasPrefix(token, prefix) {
			return true
		}
	}
	return false
}
