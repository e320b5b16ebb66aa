package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are the units of a size, as GNU's programs read them: M and MiB are
// 1024 × 1024 bytes, MB is a million.
var sizeUnits = map[string]float64{
	"": 1, "B": 1,
	"K": 1 << 10, "KIB": 1 << 10, "KB": 1e3,
	"M": 1 << 20, "MIB": 1 << 20, "MB": 1e6,
	"G": 1 << 30, "GIB": 1 << 30, "GB": 1e9,
	"T": 1 << 40, "TIB": 1 << 40, "TB": 1e12,
}

// parseSize reads a limit that is a size: "512M", "1.5G", "64KiB", "10MB", or a
// number of bytes. Zero is refused, as parseLimit refuses it; a value too large
// to be counted is, too.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGTkmgtIiBb")
	unit, ok := sizeUnits[strings.ToUpper(s[len(digits):])]
	x, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || strings.Trim(digits, "0123456789.") != "" {
		return 0, fmt.Errorf("invalid size %s: write 512M, 1.5G, 64KiB, 10MB, or a number of bytes", quote(s))
	}
	n := math.Floor(x * unit)
	if n < 1 || n >= math.MaxInt64 {
		return 0, fmt.Errorf("%s is no limit: it must be at least one byte and below 8 EiB (for no limit, give none)", quote(s))
	}
	return int64(n), nil
}

// sizeFlag is a flag for a limit that is a size.
type sizeFlag int64

func (f *sizeFlag) String() string {
	if *f == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*f), 10)
}

func (f *sizeFlag) Type() string { return "SIZE" }

func (f *sizeFlag) Set(s string) error {
	n, err := parseSize(s)
	*f = sizeFlag(n)
	return err
}
