package proc

import (
	"runtime"
	"time"
)

// The looks of Settle and the pause after each: nothing after the first, a
// little more each time, at most longestPause; 20 ms in all.
const (
	settleLooks  = 50
	pauseStep    = 25 * time.Microsecond
	longestPause = 500 * time.Microsecond
)

// Settle gives goroutines and processes that are about to end the time to do
// so: it asks count again and again, until it is zero or has been asked often
// enough, and returns its last answer. It counts looks and not time, because a
// machine that is too busy to let them end is too busy for the looks as well.
func Settle(count func() int) (n int) {
	for look := range settleLooks {
		if n = count(); n == 0 {
			break
		}
		if look == 0 {
			runtime.Gosched()
			continue
		}
		time.Sleep(min(time.Duration(look)*pauseStep, longestPause))
	}
	return n
}
