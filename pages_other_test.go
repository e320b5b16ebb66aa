//go:build !unix

package cutoff

// pages is n bytes of memory.
func pages(n int) []byte { return make([]byte, n) }
