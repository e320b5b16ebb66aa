package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/progress"
)

const (
	holdEvery = time.Second      // how often a start that is held up is tried again
	holdTold  = 30 * time.Second // and how often that is told
)

// hold returns what keeps tasks from starting while the machine is too busy;
// nil if nothing does.
func (p *paceFlags) hold(w io.Writer) (func() time.Duration, error) {
	most := 0.0
	if p.load != "" {
		var err error
		if most, err = parseLoad(p.load, runtime.NumCPU()); err != nil {
			return nil, err
		}
	}
	if most == 0 && p.memFree == 0 {
		return nil, nil
	}
	var since time.Time // when it was last told, or began
	return func() time.Duration {
		why := tooBusy(most, p.memFree)
		if why == "" {
			since = time.Time{}
			return 0
		}
		switch now := time.Now(); {
		case since.IsZero():
			since = now
		case now.Sub(since) >= holdTold:
			fmt.Fprintf(w, "cutoff: nothing starts: %s\n", why)
			since = now
		}
		return holdEvery
	}, nil
}

// parseLoad reads the load that is the most: "4", "80%" of the processors.
func parseLoad(s string, processors int) (float64, error) {
	share, percent := strings.CutSuffix(s, "%")
	x, err := strconv.ParseFloat(share, 64)
	if err != nil || !(x > 0) {
		return 0, usagef("--load %s: write 4 or 80%%", quote(s))
	}
	if percent {
		x *= float64(processors) / 100
	}
	return x, nil
}

// tooBusy says why nothing should start; empty if it may. What cannot be read
// holds nothing up.
func tooBusy(load float64, memFree int64) string {
	if now, ok := loadAverage(); load > 0 && ok && now > load {
		return fmt.Sprintf("the load is %.1f, above %.4g", now, load)
	}
	if free, ok := memoryFree(); memFree > 0 && ok && free < memFree {
		return fmt.Sprintf("%s MiB of memory are to be had, less than %s", progress.Count(free>>20), progress.Count(memFree>>20))
	}
	return ""
}

// loadAverage returns that of the last minute.
func loadAverage() (float64, bool) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), " ")
	x, err := strconv.ParseFloat(first, 64)
	return x, err == nil
}

// memoryFree returns how much memory can be had without swapping.
func memoryFree() (int64, bool) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}
