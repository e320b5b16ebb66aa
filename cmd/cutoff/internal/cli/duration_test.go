package cli

import (
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const day = 24 * time.Hour

func TestGNUDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "0d": 0, "-0": 0, "+0.0": 0, "0e999999": 0, "0x0p-5": 0, ".0": 0,
		"10": 10 * time.Second, "10s": 10 * time.Second, "2m": 2 * time.Minute,
		"3h": 3 * time.Hour, "1d": day, "+1": time.Second, " \t\n\v\f\r1": time.Second,
		".5": time.Second / 2, "5.": 5 * time.Second, "5.01": 5010 * time.Millisecond,
		"10.34": 10340 * time.Millisecond, "9.999999999": 9999999999,
		"1e3": 1000 * time.Second, "1E-3m": 60 * time.Millisecond, "1e+1": 10 * time.Second,
		"0x10": 16 * time.Second, "0XaP-1": 5 * time.Second, "0x.8": time.Second / 2,
		"0x0.1d": 113281250, // a hexadecimal d is a digit: 0.0x1d seconds
		"0x1p0d": day, "0x1p+1m": 2 * time.Minute, "0x1.8": 1500 * time.Millisecond,
		// Rounded up to the next nanosecond, and never to none.
		"1.0000000001": time.Second + 1, "1e-10": 1, "1e-10000": 1, "1e-300d": 1,
		"1e-18172487393827593258": 1, "0x1p-99999": 1, ".00000000000000000001": 1,
		// Too long to be counted: for ever, which is no limit.
		"inf": 0, "INFINITY": 0, "infd": 0, "infinitym": 0, "+Inf": 0, "1e10000": 0,
		"9223372036854775808d": 0, "1e18172487393827593258": 0, "0x1p99999": 0,
		"9223372036.854775808": 0, "9223372036.854774": 9223372036854774000 / time.Nanosecond,
		"1.18973e+4932": 0, "2.34e+5d": 0,
	} {
		got, err := parseGNUDuration(in)
		if err != nil || got < want || got-want > 1024 && want > day || got != want && want <= day {
			t.Errorf("%q: got %d, %v; want %d", in, got, err, want)
		}
		if both, err := parseDuration(in); err != nil || both != got {
			t.Errorf("%q: parseDuration says %d, %v; GNU's notation is %d", in, both, err, got)
		}
	}
	for _, in := range []string{
		"", " ", ".", "s", "d", "-", "+", "invalid", "xyz", "'1", "10€", "1 ", "1 s", "1dd", "42D", "1S",
		"1x", "1_0", "0x_1", "0x", "0x.", "0xg", "0x.p1", "0x1p", "0x1pd", "1e", "1e+d", "1es", "1f", "1.2.3",
		"nan", "NaN", "nan(1)", "-nan", "infinit", "in", "-1", "-0.1", " -0.1", "-1e-10000", " -1e-10000", "-inf",
		"- 1", "--1", "0b1", "1,5", "1\x00", "１",
	} {
		if got, err := parseGNUDuration(in); err == nil {
			t.Errorf("%q: got %v; want an error", in, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "1m30s": 90 * time.Second, "2µs": 2 * time.Microsecond, "5m": 5 * time.Minute,
	} {
		if got, err := parseDuration(in); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"-1s", "-500ms", "ms", "1w"} {
		if got, err := parseDuration(in); err == nil {
			t.Errorf("%q: got %v; want an error", in, got)
		}
	}
	if _, err := parseGNUDuration("500ms"); err == nil {
		t.Error("under the name timeout, 500ms must be as wrong as GNU's finds it")
	}
}

// A decimal with up to nine digits after its point is a whole number of
// nanoseconds, and must become exactly that number.
func TestDurationExact(t *testing.T) {
	for ns := int64(1); ns < 1e16; ns = ns*7/3 + 1 {
		s := fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9)
		got, err := parseGNUDuration(s)
		if err != nil || got < time.Duration(ns) || ns < 1<<52 && got != time.Duration(ns) {
			t.Errorf("%s: got %d, %v", s, got, err)
		}
	}
}

// gnuTimeout returns the original's path, or "" if it is not here.
var gnuTimeout = sync.OnceValue(func() string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) { // ours is there, too
		path := filepath.Join(dir, "timeout")
		out, _ := exec.Command(path, "--version").Output()
		if strings.Contains(string(out), "GNU coreutils") {
			return path
		}
	}
	return ""
})

// GNU's own program must accept what we accept, and nothing else.
func TestDurationAsGNU(t *testing.T) {
	gnu := gnuTimeout()
	if gnu == "" {
		t.Skip("no GNU timeout to compare with")
	}
	for _, in := range []string{
		"1", "1s", ".5m", "5.h", " 1", "+1d", "-1", "-0", "1e3", "1e", "1e+", "1e1d", "0x1", "0x1p", "0x.8p1m",
		"0xd", "0x1p1d", "0x", "0x.", "inf", "infd", "infinity", "infinit", "nan", "1 ", "1dd", "1D", "", ".", "1_0", "٣",
	} {
		_, ours := parseGNUDuration(in)
		theirs := exec.Command(gnu, "--", in, "true").Run()
		if (ours == nil) != (theirs == nil) {
			t.Errorf("%q: ours says %v, GNU's %v", in, ours, theirs)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"5.01", "0x1.8p3d", "1e-10000", "inf", "1m30s", "-0", ".", "9223372036.854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		gnu, errGNU := parseGNUDuration(s)
		both, errBoth := parseDuration(s)
		if gnu < 0 || both < 0 {
			t.Fatalf("%q is negative: %v, %v", s, gnu, both)
		}
		if errGNU == nil && (errBoth != nil || both != gnu) {
			t.Fatalf("%q: GNU's notation %v, both %v, %v", s, gnu, both, errBoth)
		}
		if std, err := time.ParseDuration(s); err == nil && std >= 0 && errGNU == nil {
			// The two round a nanosecond's fraction differently, and only that.
			if diff := gnu - std; diff < 0 || diff > 1+std>>50 {
				t.Fatalf("%q: GNU's notation %d, Go's %d", s, gnu, std)
			}
		}
		if errGNU == nil && len(s) < 30 {
			checkExact(t, s, gnu)
		}
	})
}

// checkExact compares with arithmetic that does not round.
func checkExact(t *testing.T, s string, got time.Duration) {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok || strings.ContainsAny(s, "eEpP_/") { // other notations; exponents that fill the memory
		return
	}
	want := new(big.Rat).Mul(r, big.NewRat(int64(time.Second), 1))
	have := new(big.Rat).SetInt64(int64(got))
	if got == 0 {
		if limit := big.NewRat(1<<62, 1); want.Sign() != 0 && want.Cmp(limit) < 0 {
			t.Fatalf("%q lost its limit", s)
		}
		return
	}
	// Never early by more than a float64 can tell, never late by more than a
	// nanosecond and that.
	slack := new(big.Rat).Quo(want, big.NewRat(1<<51, 1))
	diff := new(big.Rat).Sub(have, want)
	if diff.Cmp(new(big.Rat).Neg(slack)) < 0 || diff.Cmp(slack.Add(slack, big.NewRat(1, 1))) > 0 {
		t.Fatalf("%q: got %d ns, want %s", s, got, want.FloatString(3))
	}
}
