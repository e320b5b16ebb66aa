package cutoff

import "time"

// Outcome is the one reason an attempt ended.
type Outcome string

// The outcomes. Timeout, CPU, Memory, Idle and Output mean that the attempt was
// stopped for that limit and for nothing else: a command that exits 124 by
// itself has Failed.
const (
	OK         Outcome = "ok"         // it finished
	Failed     Outcome = "failed"     // the function returned an error; the command exited non-zero
	Timeout    Outcome = "timeout"    // cut off: Limits.Timeout passed
	CPU        Outcome = "cpu"        // cut off: it used up Limits.CPU
	Memory     Outcome = "memory"     // cut off: it held more than Limits.Memory (or the machine ran out; see Result.MemoryBy)
	Idle       Outcome = "idle"       // cut off: Limits.Idle passed without a sign of life
	Output     Outcome = "output"     // cut off: it wrote more than Limits.Output
	Crashed    Outcome = "crashed"    // it died of a signal or a panic of its own
	Canceled   Outcome = "canceled"   // the caller stopped it
	NotStarted Outcome = "notstarted" // it never ran
)

// CutOff reports whether a limit stopped the attempt.
func (o Outcome) CutOff() bool {
	switch o {
	case Timeout, CPU, Memory, Idle, Output:
		return true
	}
	return false
}

// Result says how one attempt ended. It is complete for every outcome: what
// could not be measured is zero. Its JSON form is part of the journal's public
// format (docs/JOURNAL.md): durations are whole nanoseconds, sizes are bytes.
type Result struct {
	// Outcome is why the attempt ended.
	Outcome Outcome `json:"outcome"`
	// PID is the process that ran the attempt; 0 if it never started.
	PID int `json:"pid,omitempty"`
	// Attempt counts the runs of one task, from 1; 0 if it never started.
	Attempt int `json:"attempt,omitempty"`
	// Started is when the work started in its process (the run clock's zero).
	Started time.Time `json:"started,omitzero"`
	// Wall is the time from Started to the end of the attempt, as the
	// supervisor saw it.
	Wall time.Duration `json:"wall_ns"`
	// User and System are the processor times of the attempt: of the command
	// and all children it waited for, or of the worker during the call.
	User   time.Duration `json:"user_ns"`
	System time.Duration `json:"system_ns"`
	// MaxRSS is the peak resident set of the process, in bytes. A worker's
	// peak counts from the worker's start, not from the call's. For a command
	// on Linux it is an upper bound only where it is small: the kernel counts
	// in the peak of the program that started the command.
	MaxRSS int64 `json:"max_rss_bytes"`
	// ExitCode is the status the process exited with, -1 if it did not exit
	// (a signal ended it, or it is a worker that goes on).
	ExitCode int `json:"exit_code"`
	// Signal is the name of the signal that ended the process ("SIGKILL"),
	// empty if none did. A worker whose runtime was made to print its stacks by
	// our SIGQUIT, as the last step before the kill, counts as killed.
	Signal string `json:"signal,omitempty"`
	// CoreDumped says that the process left a core dump.
	CoreDumped bool `json:"core_dumped,omitempty"`
	// Overshoot is how late the end came after the limit passed: from the
	// deadline to the moment the process was gone, or, for a result that
	// arrived after the deadline and before the kill, to that result. Zero if
	// no limit had passed.
	Overshoot time.Duration `json:"overshoot_ns,omitempty"`
	// MemoryBy says who ended an attempt for its memory, if anybody did: one
	// of the values below.
	MemoryBy MemoryBy `json:"memory_by,omitempty"`
	// Stalled is how long the supervisor was away when a deadline passed, because
	// it had been stopped, starved or asleep with the machine itself. The attempt was
	// given a fresh chance then, at most as long as its limit. The time for which
	// a command was paused is a part of it (Process.Pause). Zero if nothing of
	// the kind happened.
	Stalled time.Duration `json:"stalled_ns,omitempty"`
	// Leaked counts what the attempt left behind when it ended by itself:
	// processes of a command or of a function, however far they detached
	// themselves (they have been killed), and goroutines of a function (its
	// worker has been replaced). What ends within 20 ms after the function does
	// not count.
	Leaked int `json:"leaked,omitempty"`
	// Containment names the means that held the tree: "cgroup", "sweep", ….
	Containment string `json:"containment,omitempty"`
	// Output is the beginning and the end of what a command wrote to its
	// standard output and standard error, at most 2 KiB of each, with a line
	// between them that says how much is missing. Empty for functions, and for
	// streams that went straight to a file.
	Output string `json:"output,omitempty"`
	// OutputBytes is how much it wrote, of which Output is a part. Under
	// Limits.Output it counts for functions too.
	OutputBytes int64 `json:"output_bytes,omitempty"`
	// Stack is where it was.
	//
	// At a cutoff of a function it holds the function's goroutines when it was
	// killed (if it obeyed the polite stop: when it was asked), the one that
	// runs the function first, at most 64 KiB. It is empty if the worker gave
	// no answer in time: it was stopped, say, or caught SIGQUIT and could not be
	// preempted.
	//
	// At a cutoff of a command it is a table of the processes in its tree
	// right before it was stopped: id, state, processor time, what the main
	// thread waits for, command line; of many the 64 busiest. Linux only.
	//
	// Of a crash it is the stack of the panic or of the fatal error of the Go
	// runtime.
	Stack string `json:"stack,omitempty"`
}

// MemoryBy says who ended an attempt for its memory.
type MemoryBy string

// The values of MemoryBy.
const (
	// ByKernel: the kernel killed a process of the tree at the limit.
	ByKernel MemoryBy = "kernel"
	// ByWatch: the supervisor saw the tree above the limit and killed it.
	ByWatch MemoryBy = "watch"
	// ByMachine: the kernel killed a process of the tree, which was below its
	// limit or had none, because the machine ran out of memory, or a cgroup
	// that the program runs in. docs/LIMITS.md says what proves it.
	ByMachine MemoryBy = "machine"
)
