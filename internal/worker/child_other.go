//go:build !linux

package worker

import "os"

// dieWithParent ends this process when the parent is gone, as well as a
// goroutine can: a function that never yields keeps the process alive until
// its pool's successor or its user ends it.
func dieWithParent(alive *os.File) { go exitAtEnd(alive) }
