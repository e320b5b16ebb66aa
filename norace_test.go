//go:build !race

package cutoff

const raceEnabled = false
