// Package layout holds the tests of how the project is laid out: which
// package imports which, what each module requires, where platform code may
// stand, what the documents link to, and that docs/ARCHITECTURE.md shows the
// table that is tested. It has nothing to import.
//
// The tests parse the files themselves. Had they asked the go command, a test
// result from the cache could hide a violation: the cache knows the files and
// directories that a test opened, and not what a child process read.
package layout
