package deadline

import (
	"time"

	"golang.org/x/sys/unix"
)

// asleep is by how much CLOCK_BOOTTIME, which counts the machine's sleep, is
// ahead of CLOCK_MONOTONIC, which does not.
func asleep() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}
