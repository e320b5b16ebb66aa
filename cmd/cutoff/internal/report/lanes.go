package report

import "time"

// lanes is what each slot did over the time of the batch, in memory that grows
// neither with the number of attempts nor with the length of the batch: when
// the time or the slots outgrow the grid, two neighbors become one.
type lanes struct {
	bin   time.Duration // width of a bin
	slots int           // slots of a lane
	busy  [][]laneBin   // by lane
	// By bin: attempts that began a wait's end (their first start), and ends
	// after which a task waits again.
	begun, again [laneBins]int64
	maxSlot      int
	end          time.Duration
}

// laneBin is the time that a lane was busy in a bin, by class.
type laneBin [numClasses]time.Duration

const (
	laneBins = 512
	maxLanes = 32
	// maxBatch is 73 years: only a made up journal, or a broken clock, has
	// more, and sums of it stay in their type.
	maxBatch = time.Duration(1) << 61
)

func newLanes() *lanes { return &lanes{bin: time.Microsecond, slots: 1} }

// add records an attempt that ran from begin to end in slot.
func (l *lanes) add(slot int, c class, begin, end time.Duration) {
	begin = min(max(begin, 0), maxBatch)
	end = min(max(end, begin), maxBatch)
	l.reach(end)
	lane := l.lane(slot)
	first, last := int(begin/l.bin), int(end/l.bin)
	for i := first; i <= last; i++ {
		from, to := max(begin, time.Duration(i)*l.bin), min(end, time.Duration(i+1)*l.bin)
		l.busy[lane][i][c] += to - from
	}
}

// wait records that tasks began (n > 0), or wait again (n < 0), at a moment.
func (l *lanes) wait(at time.Duration, n int64) {
	at = min(max(at, 0), maxBatch)
	l.reach(at)
	if i := int(at / l.bin); n > 0 {
		l.begun[i] += n
	} else {
		l.again[i] -= n
	}
}

// reach makes the bins wide enough for a moment.
func (l *lanes) reach(at time.Duration) {
	l.end = max(l.end, at)
	for at/l.bin >= laneBins {
		l.bin *= 2
		halve(l.begun[:])
		halve(l.again[:])
		for _, lane := range l.busy {
			halveBins(lane)
		}
	}
}

func halve(bins []int64) {
	for i := range bins {
		if i < len(bins)/2 {
			bins[i] = bins[2*i] + bins[2*i+1]
		} else {
			bins[i] = 0
		}
	}
}

func halveBins(bins []laneBin) {
	for i := range bins {
		var sum laneBin
		if i < len(bins)/2 {
			for c := range sum {
				sum[c] = bins[2*i][c] + bins[2*i+1][c]
			}
		}
		bins[i] = sum
	}
}

// lane returns the row of a slot, and makes it if need be.
func (l *lanes) lane(slot int) int {
	slot = max(slot, 1)
	l.maxSlot = max(l.maxSlot, slot)
	for (slot-1)/l.slots >= maxLanes {
		l.slots *= 2
		l.mergePairs()
	}
	lane := (slot - 1) / l.slots
	for len(l.busy) <= lane {
		l.busy = append(l.busy, make([]laneBin, laneBins))
	}
	return lane
}

func (l *lanes) mergePairs() {
	n := (len(l.busy) + 1) / 2
	for i := range n {
		l.busy[i] = l.busy[2*i]
		if 2*i+1 == len(l.busy) {
			continue
		}
		for b := range l.busy[i] {
			for c := range l.busy[i][b] {
				l.busy[i][b][c] += l.busy[2*i+1][b][c]
			}
		}
	}
	clear(l.busy[n:])
	l.busy = l.busy[:n]
}

// running returns how many attempts ran on average in each bin, as shares of a
// bin's time, up to the last bin that anything happened in.
func (l *lanes) running() []float64 {
	out := make([]float64, l.used())
	for _, lane := range l.busy {
		for i := range out {
			for _, d := range lane[i] {
				out[i] += float64(d) / float64(l.binWidth(i))
			}
		}
	}
	return out
}

// binWidth is that of the bin as far as the batch lasted.
func (l *lanes) binWidth(i int) time.Duration {
	return max(min(l.bin, l.end-time.Duration(i)*l.bin), 1)
}

// waiting returns how many of n tasks waited at the beginning of each bin.
func (l *lanes) waiting(n int64) []float64 {
	out := make([]float64, l.used())
	for i := range out {
		out[i] = float64(max(n, 0))
		n += l.again[i] - l.begun[i]
	}
	return out
}

func (l *lanes) used() int { return min(int(l.end/l.bin)+1, laneBins) }
