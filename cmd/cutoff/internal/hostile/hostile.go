// Package hostile plays the processes that cutoff doctor runs to prove that
// none of them outlives its end. A child is this program's own executable,
// called with Args; init sees that, plays it and never returns, so that it is
// up before the rest of the program would be initialized. For the same reason
// this package needs nothing but the standard library.
//
// A child reports to the pipe (a FIFO) that it is given: one line "start N"
// when it runs, N being the moment at which its process was created, and one
// line "ready" when all of it is set up. Every process of a child keeps the
// pipe open for as long as it lives and does nothing else with it: the end of
// the pipe says that the last one is gone, whoever killed it and by what means.
//
// All children are bounded: in number by a bound of their own, in memory, in
// what they print, and in time, after which each process ends by itself.
package hostile

import (
	"slices"
	"time"
)

// Child is one kind of hostile child.
type Child struct {
	Name  string // as Args takes it
	Title string // what it does, for people
	Quiet bool   // it costs next to nothing while it runs
	Slow  int    // it needs so many times longer than the others to be set up; 0 = 1
}

// Children are all that there are.
var Children = []Child{
	{Name: "sigterm", Title: "ignores SIGTERM", Quiet: true},
	{Name: "setsid", Title: "has a session of its own", Quiet: true},
	{Name: "doublefork", Title: "forks twice", Quiet: true},
	{Name: "pipe", Title: "holds the output pipe", Quiet: true},
	{Name: "stopped", Title: "stops itself", Quiet: true},
	{Name: "bomb", Title: "forks for ever"},
	{Name: "comet", Title: "forks, executes and exits for ever"},
	{Name: "memory", Title: "eats memory"},
	{Name: "printer", Title: "prints for ever"},
	{Name: "ptrace", Title: "stops itself under ptrace", Quiet: true},
	{Name: "thousand", Title: "has 1,000 descendants", Slow: 5},
	{Name: "zombies", Title: "makes zombies for ever"},
}

// Life is how long a process of a child lives if nobody kills it.
const Life = 20 * time.Second

// The bounds of the children.
const (
	bombProcesses = 64        // alive at once
	bombReady     = 32        // of them, and the bomb has gone off
	descendants   = 1000      // of "thousand"
	zombies       = 300       // at once
	comets        = 2         // chains of processes
	memoryBytes   = 512 << 20 // or a quarter of what is free
	printedBytes  = 64 << 20  // at full speed; slowly after that
)

// The first arguments of a child's command line.
const (
	wordCommand = "doctor"
	wordChild   = "child"
)

// Args returns the arguments, without the program's name, that make this
// program's executable the child. The pipe's path is in the command line of
// all its processes.
func Args(child, pipe string) []string { return []string{wordCommand, wordChild, child, pipe} }

// Is reports whether the command line, the program's name included, is that of
// a process of a child which reports to the pipe.
func Is(cmdline []string, pipe string) bool {
	return len(cmdline) > 4 && slices.Equal(cmdline[1:3], []string{wordCommand, wordChild}) && cmdline[4] == pipe
}
