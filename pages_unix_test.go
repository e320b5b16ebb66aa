//go:build unix

package cutoff

import "syscall"

// pages is n bytes of memory that no collector and no race detector knows of:
// the detector keeps several bytes for each of the heap's.
func pages(n int) []byte {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	return b
}
