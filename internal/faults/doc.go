// Package faults is the fault-injection suite. It has tests only: they drive
// the real library and the real program, kill their processes at random
// instants, take descriptors, processes and disk space away from them, and
// check each time that every task has exactly one outcome, that nothing is
// lost, told twice or left behind, and that nothing hangs.
//
//	go test ./internal/faults                          # the small size, as in CI
//	go test ./internal/faults -v -args -tasks 2000     # at large, with the counts
//
// -seed N repeats a run's random choices; a run prints its seed. As root it
// runs everything as an ordinary user too. (Linux)
package faults
