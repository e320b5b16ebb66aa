package cutoff

// Leftovers says what becomes of processes that an attempt leaves behind when
// it ends by itself. At a limit, at a cancellation and after a crash everything
// dies in any case.
type Leftovers int

// The choices.
const (
	// KillLeftovers kills them and counts them in Result.Leaked.
	KillLeftovers Leftovers = iota
	// LeaveLeftovers lets them live and does not count them: for commands that
	// start a daemon on purpose, and for functions that start a helper for the
	// calls to come.
	LeaveLeftovers
)
