//go:build !linux

package worker

import "time"

// An alarm is a time.Timer here.
type alarm struct {
	timer *time.Timer
	rings chan struct{}
}

func newAlarm() *alarm {
	a := &alarm{rings: make(chan struct{}, 1)}
	a.timer = time.AfterFunc(time.Hour, func() {
		select {
		case a.rings <- struct{}{}:
		default: // it has not heard the last one yet
		}
	})
	a.timer.Stop()
	return a
}

// Reset makes the alarm ring after d.
func (a *alarm) Reset(d time.Duration) bool { return a.timer.Reset(d) }

// Stop makes it ring no more.
func (a *alarm) Stop() bool { return a.timer.Stop() }
