package proc

// SignalName returns "": no signal ends a process here.
func (s Status) SignalName() string { return "" }

// mayBeCPULimit returns false: the kernel keeps no such limit here.
func (s Status) mayBeCPULimit() bool { return false }
