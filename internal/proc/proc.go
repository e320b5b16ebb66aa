// Package proc runs one process tree: start, signal, kill all, wait, measure.
//
// A tree is a process (its leader) and everything it starts, however far it
// detaches itself. There is a file for each operating system and for each
// containment level; all of them offer the functions described here.
//
// The life of a tree:
//
//	t, err := proc.Start(spec)   // the leader runs
//	<-t.Exited()                 // the leader has ended and is reaped
//	st := t.Status()             // how; valid only after Exited
//	leaked, err := t.Close()     // kill what is left, give everything back
//
// Signal, Stop and Kill may be called at any time and any number of times,
// also after the end. Close must be called once for every tree.
package proc
