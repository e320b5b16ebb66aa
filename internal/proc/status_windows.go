package proc

// SignalName returns "": no signal ends a process here.
func (s Status) SignalName() string { return "" }
