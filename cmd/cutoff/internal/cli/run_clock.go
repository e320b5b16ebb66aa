package cli

import "time"

// clock counts one limit down. It can be stopped and go on later, so that time
// in which the command was stopped at the terminal does not count.
type clock struct {
	timer *time.Timer   // nil: no limit, or not started yet
	left  time.Duration // when it was last started
	since time.Time     // that moment; zero while it is stopped
}

// start sets the clock to d, from now on. Zero means that it never rings.
func (c *clock) start(d time.Duration, now time.Time) {
	if d == 0 {
		return
	}
	c.left, c.since = d, now
	if c.timer == nil {
		c.timer = time.NewTimer(d - time.Since(now))
	} else {
		c.timer.Reset(d)
	}
}

// rings is the channel on which the end is told.
func (c *clock) rings() <-chan time.Time {
	if c.timer == nil {
		return nil
	}
	return c.timer.C
}

// stop halts the clock.
func (c *clock) stop() {
	if c.timer == nil || c.since.IsZero() {
		return
	}
	c.timer.Stop()
	c.left -= time.Since(c.since)
	c.since = time.Time{}
}

// resume lets a halted clock go on. What has rung does not ring again.
func (c *clock) resume() {
	if c.timer == nil || !c.since.IsZero() || c.left <= 0 {
		return
	}
	c.since = time.Now()
	c.timer.Reset(c.left)
}

// runs reports whether the clock counts, or has rung.
func (c *clock) runs() bool { return !c.since.IsZero() }

// deadline is when the clock rings, or rang.
func (c *clock) deadline() time.Time { return c.since.Add(c.left) }
