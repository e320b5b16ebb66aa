//go:build race

package cutoff

// raceEnabled says that the race detector is built in. It keeps its shadow
// memory outside of every bound that a test could set.
const raceEnabled = true
