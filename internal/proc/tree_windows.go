package proc

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A tree is a job object. The leader is started suspended and put into the job
// before it runs its first instruction, so that everything it starts is born
// in the job. The job kills its members when its last handle is closed, and
// that is when this program dies, however it dies.

// known are this system's levels, the strongest first.
var known = []Level{Job}

// Start starts a tree.
func Start(s Spec) (*Tree, error) {
	if _, err := Find(s.Level); err != nil {
		return nil, err
	}
	job, err := newJob()
	if err != nil {
		return nil, err
	}
	h := &jobHold{job: job}
	pid, err := h.spawn(s)
	if err != nil {
		windows.CloseHandle(job)
		return nil, err
	}
	t := newTree(pid, h)
	go t.watch(h.leader, &h.killed)
	return t, nil
}

// newJob makes a job object that dies with this program.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, os.NewSyscallError("CreateJobObject", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
		},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		windows.CloseHandle(job)
		return 0, os.NewSyscallError("SetInformationJobObject", err)
	}
	return job, nil
}

// jobHold holds one tree.
type jobHold struct {
	job    windows.Handle
	leader windows.Handle // the watch closes it
	killed atomic.Bool
}

// killedCode is the exit code that our kill gives. Together with the knowledge
// that we did kill it stands for SIGKILL.
const killedCode = 128 + uint32(syscall.SIGKILL)

func (h *jobHold) level() Level { return Job }

// spawn starts the leader suspended, puts it into the job and lets it run.
func (h *jobHold) spawn(s Spec) (pid int, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	fds := make([]uintptr, max(3, len(s.Files)))
	for i := range fds {
		if fds[i] = null.Fd(); i < len(s.Files) && s.Files[i] != nil {
			fds[i] = s.Files[i].Fd()
		}
	}
	if s.Env == nil {
		s.Env = []string{}
	}
	flags := uint32(windows.CREATE_SUSPENDED)
	if !s.Foreground {
		flags |= windows.CREATE_NEW_PROCESS_GROUP
	}
	pid, handle, err := syscall.StartProcess(s.Path, s.Args, &syscall.ProcAttr{
		Dir: s.Dir, Env: s.Env, Files: fds, Sys: &syscall.SysProcAttr{CreationFlags: flags},
	})
	if err != nil {
		return 0, &os.PathError{Op: "fork/exec", Path: s.Path, Err: err}
	}
	h.leader = windows.Handle(handle)
	if err = windows.AssignProcessToJobObject(h.job, h.leader); err == nil {
		err = resume(uint32(pid))
	}
	if err != nil { // it never ran
		_ = windows.TerminateProcess(h.leader, 1)
		windows.CloseHandle(h.leader)
		return 0, fmt.Errorf("job object: %w", err)
	}
	return pid, nil
}

// resume lets the only thread of a suspended process run. Package syscall has
// closed the thread's handle, so it is looked up.
func resume(pid uint32) error {
	snap, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(snap)
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(snap, &entry); err == nil; err = windows.Thread32Next(snap, &entry) {
		if entry.OwnerProcessID != pid {
			continue
		}
		thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, entry.ThreadID)
		if err != nil {
			return err
		}
		defer windows.CloseHandle(thread)
		_, err = windows.ResumeThread(thread)
		return err
	}
	return errors.New("the new process has no thread")
}

// watch waits for the leader's end and records it.
func (t *Tree) watch(leader windows.Handle, killed *atomic.Bool) {
	_, _ = windows.WaitForSingleObject(leader, windows.INFINITE)
	st := Status{ExitCode: -1, Ended: time.Now()}
	var code uint32
	if windows.GetExitCodeProcess(leader, &code) == nil {
		st.ExitCode = int(code)
	}
	if code == killedCode && killed.Load() {
		st.ExitCode, st.Signal = -1, syscall.SIGKILL
	}
	var created, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(leader, &created, &ended, &kernel, &user) == nil {
		st.User, st.System = span(user), span(kernel)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	windows.CloseHandle(leader)
	t.status, t.reaped = st, true
	close(t.exited)
}

// span reads a Filetime that is a length of time: units of 100 ns. (Its own
// Nanoseconds method takes it for a date.)
func span(f windows.Filetime) time.Duration {
	return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * 100
}

// wake does nothing: there is no job control.
func (t *Tree) wake() error { return nil }

// signal knows one polite request: Ctrl-Break to the leader's console group,
// for SIGINT and SIGTERM.
func (h *jobHold) signal(t *Tree, sig syscall.Signal) error {
	if sig != syscall.SIGINT && sig != syscall.SIGTERM {
		return fmt.Errorf("signal %v: %w", sig, errors.ErrUnsupported)
	}
	return t.unreaped(func() error {
		return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(t.pid))
	})
}

func (h *jobHold) kill(t *Tree) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.job == 0 {
		return nil
	}
	h.killed.Store(true)
	return windows.TerminateJobObject(h.job, killedCode)
}

func (h *jobHold) clear(t *Tree) (left int, err error) {
	if left, err = h.alive(t); err == nil && left > 0 {
		err = h.kill(t)
	}
	for end := time.Now().Add(clearBound); err == nil; time.Sleep(time.Millisecond) {
		n, e := h.alive(t)
		if n == 0 || e != nil {
			err = e
			break
		}
		if time.Now().After(end) {
			err = errSurvivors
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.job != 0 {
		err = errors.Join(err, windows.CloseHandle(h.job))
		h.job = 0
	}
	return left, err
}

// release takes the limit off that kills the members with the last handle.
func (h *jobHold) release(t *Tree) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.job == 0 {
		return nil
	}
	var none windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	_, err := windows.SetInformationJobObject(h.job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&none)), uint32(unsafe.Sizeof(none)))
	if err != nil {
		return os.NewSyscallError("SetInformationJobObject", err)
	}
	err = windows.CloseHandle(h.job)
	h.job = 0
	return err
}

// signalProcess knows the polite request of signal above, to the leader's
// console group.
func signalProcess(pid int, sig syscall.Signal) error {
	if sig != syscall.SIGINT && sig != syscall.SIGTERM {
		return fmt.Errorf("signal %v: %w", sig, errors.ErrUnsupported)
	}
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(pid))
}

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION.
type accounting struct {
	user, kernel, periodUser, periodKernel   int64
	pageFaults, total, active, limitViolated uint32
}

// alive counts the members.
func (h *jobHold) alive(t *Tree) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.job == 0 {
		return 0, nil
	}
	var info accounting
	err := windows.QueryInformationJobObject(h.job, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	return int(info.active), err
}
