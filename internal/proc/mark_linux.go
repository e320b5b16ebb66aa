package proc

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
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
//     overwrite their own memory leave it alone. A login does not: PAM
//     (pam_limits) puts all limits back. It can be read from outside, of every
//     process, even of one that is dead and not yet reaped. Its 62 bits are
//     the program's random number and the tree's number in it.
//   - the variable CUTOFF_TREE, for where the limit is taken already because
//     the program itself runs in a tree of another one. A login drops it too.
//
// What a login starts is so found by its descent, its session and its group
// alone; a daemon of it that leaves all three is lost. To take every unmarked
// orphan for ours would kill others': the program may have children that it
// did not start as trees, and those that it had before it was executed.
//
// A mark set from outside, after the start, would come too late for what the
// leader starts in its first instant. So the leader sets it itself, before it
// becomes the command: see launch_linux.go.

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

// parseToken reads a mark as it stands in the environment.
func parseToken(token string) (m mark, ok bool) {
	var program, tree uint64
	n, err := fmt.Sscanf(token, "%x.%x", &program, &tree)
	return mark(program<<treeBits | tree), n == 2 && err == nil
}

// setSelf marks this process; what it starts and what it executes inherits the
// mark.
func (m mark) setSelf() error {
	return unix.Prlimit(0, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: uint64(m), Max: unix.RLIM_INFINITY}, nil)
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
