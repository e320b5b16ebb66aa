package worker

// This file runs in the worker process only.

import (
	"runtime/debug"
	"runtime/metrics"
)

// collectBelow makes the runtime collect garbage before the worker comes to
// its memory limit, and returns what undoes that. A tenth is left for what is
// not the runtime's: the program itself, stacks of threads, memory of cgo.
func collectBelow(limit int64) (undo func()) {
	goal := limit - limit/10
	before := debug.SetMemoryLimit(-1)
	if before <= goal { // the program's own is tighter
		return func() {}
	}
	debug.SetMemoryLimit(goal)
	if held() > goal { // by what earlier calls have left
		debug.FreeOSMemory()
	}
	return func() { debug.SetMemoryLimit(before) }
}

// held is how much memory the runtime has from the system.
func held() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
