//go:build !linux

package proc

// controls are the kernel's own limits of a tree: none here.
type controls struct{}

// handover is how a leader is put under one: not here.
type handover struct{}

func (*controls) oom() OOM { return OOM{} }
func (*controls) remove()  {}
func (*controls) release() {}

// killedByKernel returns false: nothing here would prove it.
func killedByKernel(*Tree) bool { return false }

// LimitMemory does nothing here: a Watch alone keeps the bound.
func (t *Tree) LimitMemory(int64) {}
