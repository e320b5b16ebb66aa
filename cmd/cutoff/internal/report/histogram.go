package report

import (
	"math/bits"
	"time"
)

// A histogram counts durations in memory that does not grow with their number.
// Its bins are at most 0.1 % wide, which is less than a figure can show: below
// 1,024 ns they are exact, above they have the ten leading bits of the value.
// It counts with integers alone, so that every machine draws the same.
type histogram struct {
	bins []int64 // allocated by the first add
	n    int64
	max  time.Duration // exact
}

const (
	histBits = 10
	histBins = (64 - histBits + 1) << histBits
)

func (h *histogram) add(d time.Duration) {
	if h.bins == nil {
		h.bins = make([]int64, histBins)
	}
	d = max(d, 0)
	h.bins[histBin(d)]++
	h.n++
	h.max = max(h.max, d)
}

// histBin returns the bin of d: the power of two above the leading bits, and
// the leading bits without the highest.
func histBin(d time.Duration) int {
	v := uint64(d)
	shift := max(bits.Len64(v)-histBits-1, 0)
	return shift<<histBits + int(v>>shift)
}

// histTop returns the largest duration of a bin.
func histTop(bin int) time.Duration {
	if bin < 2<<histBits {
		return time.Duration(bin)
	}
	shift := bin>>histBits - 1
	return time.Duration(uint64(bin-shift<<histBits+1)<<shift - 1)
}

// quantiles returns k durations in ascending order: the i-th is the largest of
// the i-th of k equal parts, so that the last is the longest of all.
func (h *histogram) quantiles(k int) []time.Duration {
	out := make([]time.Duration, 0, k)
	seen := int64(0)
	for bin, n := range h.bins {
		seen += n
		for len(out) < k && seen >= rankOf(len(out), k, h.n) {
			out = append(out, min(histTop(bin), h.max))
		}
	}
	return out
}

// rankOf returns the rank, from 1, that ends the i-th of k equal parts of n.
func rankOf(i, k int, n int64) int64 {
	hi, lo := bits.Mul64(uint64(i+1), uint64(n))
	q, rem := bits.Div64(hi, lo, uint64(k))
	if rem > 0 {
		q++
	}
	return max(int64(q), 1)
}
