//go:build !linux

package doctor

import (
	"context"
	"errors"
	"time"
)

// surgery is not to be had here: the hostile children are for Linux.
type surgery struct{}

func newSurgery(Options) (*surgery, error) {
	return nil, errors.New("the hostile children run on Linux only; docs/CONTAINMENT.md says what holds a tree on this system")
}

func (*surgery) close() {}

func (*surgery) round(context.Context, planned) (round, error) { return round{}, nil }

var started = time.Now()

// monotonic is a clock that only this process has.
func monotonic() int64 { return int64(time.Since(started)) }
