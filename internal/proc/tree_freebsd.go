package proc

const (
	wcontinued = 0x4  // WCONTINUED of <sys/wait.h>; package syscall has none
	maxRSSUnit = 1024 // ru_maxrss is in KiB
)
