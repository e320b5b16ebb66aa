package cli

// The exit statuses of every command but run, which passes its command's own
// through and otherwise follows GNU timeout.
const (
	exitOK          = 0   // all tasks are fine
	exitFailed      = 1   // some tasks failed
	exitUsage       = 2   // the program was called wrongly
	exitCutOff      = 3   // no task failed, but some were cut off
	exitOurs        = 125 // cutoff itself failed; never the task's fault
	exitInterrupted = 130 // ended by Ctrl-C
)

// The further statuses of run, as GNU timeout has them.
const (
	exitTimedOut   = 124 // the limit passed
	exitCannotRun  = 126 // the command was found and could not be run
	exitNotFound   = 127 // the command was not found
	exitSignalBase = 128 // plus the number of the signal that ended it
	exitKilled     = 137 // 128 + SIGKILL
)
