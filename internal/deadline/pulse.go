package deadline

import (
	"sync"
	"time"
)

// Whether the program was there. A deadline that is reached late tells of a
// stop only as far as the stop went on beyond it: a program that was stopped for
// two seconds and is continued a moment after the deadline comes in time, and
// has seen nothing of the work's last two seconds. So while there are deadlines
// the program looks at the clock ten times a second, and remembers when it did
// not.

const (
	beatEvery = 100 * time.Millisecond
	// linger is how many beats follow the end of the last deadline: most
	// programs have the next one soon.
	linger = 10
)

// Watch sees to it that Forgive knows of times when the program did not run,
// from now until Unwatch, which is called once for each Watch.
func Watch() { program.watch() }

// Unwatch is the end of Watch.
func Unwatch() { program.unwatch() }

// program is the pulse of this program.
var program pulse

// pulse is a clock that is looked at all the time.
type pulse struct {
	mu    sync.Mutex
	timer *time.Timer
	users int
	idle  int // ticks since there were users
	runs  bool
	last  time.Time // the last beat
	from  time.Time // the last time without a beat that was longer than Bound,
	to    time.Time // and its end
}

func (p *pulse) watch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users++
	if p.idle = 0; p.runs {
		return
	}
	p.runs, p.last = true, time.Now()
	if p.timer == nil {
		p.timer = time.AfterFunc(beatEvery, p.tick)
	} else {
		p.timer.Reset(beatEvery)
	}
}

func (p *pulse) unwatch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
}

// tick is called by the timer. No goroutine waits for it: it would be one that
// a call of a function leaves behind.
func (p *pulse) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat(time.Now())
	if p.users == 0 {
		p.idle++
	}
	if p.runs = p.idle < linger; p.runs {
		p.timer.Reset(beatEvery)
	}
}

// beat is for the holder of mu.
func (p *pulse) beat(now time.Time) {
	if p.runs && now.Sub(p.last) > Bound {
		p.from, p.to = p.last, now
	}
	p.last = now
}

// away returns how long the program was not there around due; now is a beat.
func (p *pulse) away(now, due time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat(now)
	if due.Before(p.from) || due.After(p.to) {
		return 0
	}
	return p.to.Sub(p.from)
}
