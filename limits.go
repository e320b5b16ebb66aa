package cutoff

import (
	"fmt"
	"time"
)

// Limits bound one attempt: a call of a function or a run of a command. They
// count from the moment the work starts in its process; time spent waiting in
// a queue belongs to the caller's context alone. The zero value sets no limit.
type Limits struct {
	// Timeout is the wall time the attempt may take. Zero means no limit.
	Timeout time.Duration `json:"timeout_ns,omitempty"`
	// Grace is the time between the polite stop (the function's context is
	// canceled, a command gets SIGTERM) and the kill. Zero means that the kill
	// comes at once.
	Grace time.Duration `json:"grace_ns,omitempty"`
	// Idle is the silence that is tolerated: for a function the time since it
	// started or last called [Beat] or [Report], for a command the time since
	// it started or last wrote output. Zero means no limit.
	Idle time.Duration `json:"idle_ns,omitempty"`
}

// check is the one place where limits are validated. A computed limit that
// came out negative must not turn into "no limit" unnoticed.
func (l Limits) check() error {
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"Timeout", l.Timeout}, {"Grace", l.Grace}, {"Idle", l.Idle}} {
		if f.d < 0 {
			return fmt.Errorf("cutoff: Limits.%s is negative (%v): use a positive duration, or zero for no limit", f.name, f.d)
		}
	}
	return nil
}
