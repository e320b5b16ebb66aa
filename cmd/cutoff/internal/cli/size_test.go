package cli

import "testing"

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"1": 1, "4096": 4096, "10B": 10, "1K": 1024, "1k": 1024, "64KiB": 64 << 10, "1.5G": 3 << 29, "512M": 512 << 20,
		"512m": 512 << 20, "10MB": 10_000_000, "0.5T": 1 << 39, "1TB": 1e12, ".5K": 512, "1.9": 1,
	} {
		if got, err := parseSize(s); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "M", "0", "0M", "0.0001", "-1", "-1M", "+1M", "1e3", "1 M", " 1M", "1MM", "1iB", "1X", "0x10", "inf", "nan", "8388608T", "9223372036854775807", "1_000", "1,5G",
	} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q: %d", s, got)
		}
	}
}
