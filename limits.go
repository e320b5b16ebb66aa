package cutoff

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// Limits bound one attempt: a call of a function or a run of a command. They
// count from the moment the work starts in its process; time spent waiting in
// a queue belongs to the caller's context alone. The zero value sets no limit.
//
// Every limit holds for the whole tree: the process and everything that it
// starts. How each is kept, and how exact it is, stands in docs/LIMITS.md.
type Limits struct {
	// Timeout is the wall time the attempt may take. Zero means no limit.
	Timeout time.Duration `json:"timeout_ns,omitempty"`
	// Grace is the time between the polite stop (the function's context is
	// canceled, a command gets SIGTERM) and the kill. Zero means that the kill
	// comes at once. For Memory there is no grace.
	Grace time.Duration `json:"grace_ns,omitempty"`
	// CPU is the processor time, user and system, that the attempt may use.
	// Unlike Timeout it does not run faster on a busy machine. Zero means no
	// limit.
	CPU time.Duration `json:"cpu_ns,omitempty"`
	// Idle is the silence that is tolerated: for a function the time since it
	// started or last called [Beat] or [Report], for a command the time since
	// it started or last wrote output. Zero means no limit.
	Idle time.Duration `json:"idle_ns,omitempty"`
	// Memory is how many bytes of memory the tree may hold at a time. A
	// worker's own memory counts, also what earlier calls left in it. Zero
	// means no limit.
	Memory int64 `json:"memory_bytes,omitempty"`
	// Output is how many bytes the attempt may write to standard output and
	// standard error together. Zero means no limit.
	Output int64 `json:"output_bytes,omitempty"`
}

// check is the one place where limits are validated. A computed limit that
// came out negative must not turn into "no limit" unnoticed.
func (l Limits) check() error {
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"Timeout", l.Timeout}, {"Grace", l.Grace}, {"CPU", l.CPU}, {"Idle", l.Idle}} {
		if f.d < 0 {
			return fmt.Errorf("cutoff: Limits.%s is negative (%v): use a positive duration, or zero for no limit", f.name, f.d)
		}
	}
	for _, f := range []struct {
		name string
		n    int64
	}{{"Memory", l.Memory}, {"Output", l.Output}} {
		if f.n < 0 {
			return fmt.Errorf("cutoff: Limits.%s is negative (%d): use a positive number of bytes, or zero for no limit", f.name, f.n)
		}
	}
	if l.CPU > 0 || l.Memory > 0 {
		if err := proc.Measurable(); err != nil {
			return fmt.Errorf("cutoff: Limits.CPU and Limits.Memory cannot be kept: %w", err)
		}
	}
	return nil
}

// bytesText is a size for messages, in the largest unit that keeps it whole or
// gives it one decimal: "512 MiB", "1.5 GiB", "1000 bytes".
func bytesText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size && n%(u.size/2) == 0 {
			return strconv.FormatFloat(float64(n)/float64(u.size), 'f', -1, 64) + " " + u.name
		}
	}
	if n == 1 {
		return "1 byte"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
