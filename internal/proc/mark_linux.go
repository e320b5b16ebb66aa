package proc

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
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

// set marks a process that has just been started, and what it may have started
// in the moment before. What is born later inherits the mark.
func (m mark) set(pid int) {
	if !mayLimit() {
		return // the variable has to do
	}
	if unix.Prlimit(pid, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: uint64(m), Max: unix.RLIM_INFINITY}, nil) != nil {
		return
	}
	for _, child := range childrenOf(pid) {
		m.set(child)
	}
}

// on reports whether the process carries the mark.
func (m mark) on(pid int) bool {
	if locksLimit(pid) == uint64(m) {
		return true
	}
	for token := range strings.SplitSeq(envOf(pid, treeVar), ",") {
		if token == m.token() {
			return true
		}
	}
	return false
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
