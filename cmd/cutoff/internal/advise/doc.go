// Package advise says from a journal which time limit would have been right.
// docs/ADVISE.md has the method and its assumptions.
//
// [Read] gathers how long attempts took (samples.go), estimates from it what
// any limit would have yielded and cost (curve.go), and chooses one (choose.go).
// text.go and json.go write the [Advice] down. Memory does not grow with the
// journal.
package advise
