package proc

import (
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The job object counts for all members, also those that have ended.

type measure struct{ sync.Mutex }

// usage reads the job's accounts. What they tell of memory is the peak of what
// all members had committed at a time: a job that was above a limit stays so.
func (*measure) usage(t *Tree) (Usage, error) {
	h := t.hold.(*jobHold)
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.job == 0 {
		return Usage{}, os.ErrClosed
	}
	var info accounting
	err := windows.QueryInformationJobObject(h.job, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	if err != nil {
		return Usage{}, os.NewSyscallError("QueryInformationJobObject", err)
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	err = windows.QueryInformationJobObject(h.job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)), nil)
	return Usage{
		User:      time.Duration(info.user) * 100,
		System:    time.Duration(info.kernel) * 100,
		RSS:       int64(limits.PeakJobMemoryUsed),
		Processes: int(info.active),
	}, os.NewSyscallError("QueryInformationJobObject", err)
}

// holdsMore: the job's account is exact.
func (t *Tree) holdsMore(int64) bool { return true }

func (t *Tree) netCPU(time.Duration) {}

// workOf calls f and tells how long it took.
func workOf(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

func processors() int { return runtime.NumCPU() }

// Measurable returns nil: a job object counts.
func Measurable() error { return nil }
