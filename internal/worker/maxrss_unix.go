//go:build unix && !darwin

package worker

const maxrssUnit = 1 << 10 // ru_maxrss counts KiB
