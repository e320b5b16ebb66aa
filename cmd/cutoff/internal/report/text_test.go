package report

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 999: "999 ns", 1500: "1.50 µs", 999900: "1000 µs", 12345678: "12.3 ms", 999 * time.Millisecond: "999 ms",
		5010 * time.Millisecond: "5.01 s", 9996 * time.Millisecond: "10.0 s", 255 * time.Second: "255 s",
		11*time.Minute + 2*time.Second: "11 min 02 s", time.Hour - 1: "60 min 00 s", 26*time.Hour + 5*time.Minute: "26 h 05 min", -1: "0 s",
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

// A limit is shown as it was set, to the nanosecond.
func TestExactDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5010 * time.Millisecond: "5.01 s", 250 * time.Millisecond: "250 ms", 1: "1 ns", 2500: "2.5 µs", time.Minute: "60 s",
		90 * time.Minute: "1.5 h", 10 * time.Minute: "10 min", time.Hour + time.Second: "3601 s", 1000000001: "1.000000001 s",
	} {
		if got := exactDuration(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain é ñ 日本 #1":              "plain é ñ 日本 #1",
		"a\x00b\n\x7f":                 `a\x00b\n\x7f`,
		"\xff\u202e\ufeff\u00a0":       `\xff\u202e\ufeff\u00a0`,
		"\U000e0041":                   `\U000e0041`,
		"e\u0301\u0302\u0303\u0304 ok": "e\u0301\u0302" + `\u0303\u0304 ok`,
		strings.Repeat("x", 1000):      strings.Repeat("x", maxNameRunes) + "…",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	width := func(s string) float64 { return float64(utf8.RuneCountInString(s)) }
	for _, c := range []struct {
		in   string
		room float64
		want string
	}{
		{"short", 10, "short"},
		{"exactly 10", 10, "exactly 10"},
		{"bench/uf250-0001.cnf", 11, "bench…1.cnf"},
		{"日本語のファイル", 5, "日本…イル"},
		{"anything", 1, "…"},
		{"anything", 0, "…"},
	} {
		if got := shorten(c.in, c.room, width); got != c.want {
			t.Errorf("%q in %v: %q, want %q", c.in, c.room, got, c.want)
		}
	}
}

// Whatever the longest task, the axis has a handful of round ticks that start
// at zero and do not pass its end by a pixel.
func TestAxis(t *testing.T) {
	for d := time.Duration(1); d < 1000*time.Hour; d = d*13/10 + 1 {
		a := newAxis(d)
		if n := len(a.ticks); n < 3 || n > 13 || a.ticks[0].at != 0 {
			t.Errorf("%v: %d ticks from %v", d, n, a.ticks[0].at)
		}
		for i, tick := range a.ticks[1:] {
			if d > 100 && (tick.at <= a.ticks[i].at || float64(tick.at) > 1.001*float64(d)) {
				t.Errorf("%v: tick %v after %v", d, tick.at, a.ticks[i].at)
			}
			if len(tick.label) > 6 {
				t.Errorf("%v: label %q", d, tick.label)
			}
		}
	}
	if a := newAxis(5010 * time.Millisecond); !strings.HasPrefix(a.title, "seconds since") || a.ticks[5].label != "5" {
		t.Errorf("5.01 s: %+v", a)
	}
}
