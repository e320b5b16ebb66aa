package proc

// SignalName returns "": no signal ends a process here.
func (s Status) SignalName() string { return "" }

// MayBeCPULimit returns false: the kernel keeps no such limit here.
func (s Status) MayBeCPULimit() bool { return false }
