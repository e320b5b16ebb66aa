//go:build !linux

package proc

// controls are the kernel's own limits of a tree: none here.
type controls struct{}

func (*controls) oom() OOM { return OOM{} }
func (*controls) remove()  {}
func (*controls) release() {}
