package cutoff

import (
	"fmt"
	"sync"
	"unicode/utf8"
)

// How much output a Result keeps.
const (
	headSize = 2 << 10
	tailSize = 2 << 10
)

// account is the account of what was written to both outputs: how much, its
// beginning and its end, and when it is too much.
type account struct {
	mu    sync.Mutex
	total int64
	head  []byte
	tail  []byte // of what follows the head

	limited bool
	limit   int64         // total beyond which it is too much
	full    chan struct{} // closed when more came
}

// begin sets a limit on what comes from now on, beyond what is pending in the
// pipes; the channel is closed when more comes. The account must have none.
func (a *account) begin(limit, pending int64) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limited, a.limit, a.full = true, a.total+pending+limit, make(chan struct{})
	return a.full
}

// end lifts the limit that begin set and returns how much came since, with what
// is pending now.
func (a *account) end(limit, pending int64) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	since := a.total + pending - (a.limit - limit)
	a.limited, a.full = false, nil
	return max(since, 0)
}

// add takes what was written into the account, and returns how much of it is
// within the limit.
func (a *account) add(b []byte) (within int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	within = len(b)
	if a.limited && a.total+int64(len(b)) > a.limit {
		within = int(max(0, a.limit-a.total))
		if a.total <= a.limit { // the first time
			close(a.full)
		}
	}
	a.total += int64(len(b))
	n := min(len(b), headSize-len(a.head))
	a.head = append(a.head, b[:n]...)
	b = b[n:]
	b = b[max(0, len(b)-tailSize):]
	if keep := tailSize - len(b); len(a.tail) > keep {
		a.tail = a.tail[:copy(a.tail, a.tail[len(a.tail)-keep:])]
	}
	a.tail = append(a.tail, b...)
	return within
}

// written returns how much there was in all.
func (a *account) written() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}

// excerpt returns the beginning and the end of what was written, with a line
// between them that says how much is missing.
func (a *account) excerpt() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	missing := a.total - int64(len(a.head)) - int64(len(a.tail))
	if missing <= 0 {
		return string(a.head) + string(a.tail)
	}
	head, tail := wholeRunes(a.head, a.tail)
	missing = a.total - int64(len(head)) - int64(len(tail))
	newline := ""
	if head[len(head)-1] != '\n' {
		newline = "\n"
	}
	return fmt.Sprintf("%s%s[… %d bytes are left out here …]\n%s", head, newline, missing, tail)
}

// wholeRunes drops a rune that was cut from the end of head, and from the
// beginning of tail.
func wholeRunes(head, tail []byte) ([]byte, []byte) {
	for i := 1; i < utf8.UTFMax && i <= len(head); i++ {
		if c := head[len(head)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(head[len(head)-i:]) {
				head = head[:len(head)-i]
			}
			break
		}
	}
	for i := 0; i < utf8.UTFMax-1 && i < len(tail); i++ {
		if utf8.RuneStart(tail[i]) {
			return head, tail[i:]
		}
	}
	return head, tail
}
