// Package cutoff puts hard limits on work that may never end.
//
// A Go function or a command runs in a process of its own; at its cutoff it is
// really stopped, with everything it started, and every other task goes on.
// A context bounds how long the caller waits; a [Limits] bounds how long the
// work runs.
package cutoff
