package cutoff

// Init turns this process into a worker if it was started as one.
func Init() {}
