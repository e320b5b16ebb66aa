package proc

const (
	wcontinued = 0x10 // WCONTINUED of <sys/wait.h>; package syscall has none
	maxRSSUnit = 1    // ru_maxrss is in bytes
)
