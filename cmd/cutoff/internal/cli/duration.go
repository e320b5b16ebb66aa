package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseDuration reads a limit from the command line: what GNU timeout reads,
// and beside it Go's notation ("500ms", "1m30s"). Wherever both read a text,
// both give it the same meaning. Zero means no limit, and so does a value that
// is too large to be counted in nanoseconds (292 years).
func parseDuration(s string) (time.Duration, error) {
	if d, ok := gnuDuration(s); ok {
		return d, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	return 0, errDuration(s)
}

// parseGNUDuration reads what GNU timeout reads and nothing else.
func parseGNUDuration(s string) (time.Duration, error) {
	if d, ok := gnuDuration(s); ok {
		return d, nil
	}
	return 0, errDuration(s)
}

func errDuration(s string) error { return fmt.Errorf("invalid time interval %s", quote(s)) }

// gnuDuration reads a number as strtod does in the C locale and an optional
// unit: s (the default), m, h or d.
func gnuDuration(s string) (d time.Duration, ok bool) {
	num, rest := cutFloat(s)
	x, err := strconv.ParseFloat(num.text(), 64)
	if num.digits == "" && !num.inf || err != nil && !math.IsInf(x, 0) {
		return 0, false
	}
	unit := time.Second
	switch rest {
	case "", "s":
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = 24 * time.Hour
	default:
		return 0, false
	}
	if num.nonzero() { // -0 is zero; -1e-10000 is negative, though it underflows
		return nanoseconds(x, unit), !num.negative
	}
	return 0, true
}

// nanoseconds rounds up, so that a limit never comes early, and never to zero,
// which would lift the limit. A value that is a whole number of nanoseconds as
// far as a float64 can tell is that number: 5.01 s is 5,010,000,000 ns.
func nanoseconds(x float64, unit time.Duration) time.Duration {
	ns := x * float64(unit)
	if ns >= math.MaxInt64 {
		return 0 // for ever
	}
	whole := math.Round(ns)
	if math.Abs(ns-whole) > ns*0x1p-52 {
		whole = math.Ceil(ns)
	}
	return max(1, time.Duration(whole))
}

// A float is a number as strtod takes it from the front of a text.
type float struct {
	negative, hex, inf bool
	digits             string // the mantissa, with its point
	exponent           string // "e-5", "p+2"; may be empty
}

// nonzero tells a number that underflowed from zero.
func (f float) nonzero() bool { return f.inf || strings.Trim(f.digits, "0.") != "" }

// text is the number's absolute value as strconv reads it.
func (f float) text() string {
	switch {
	case f.inf:
		return "inf"
	case f.hex && f.exponent == "":
		return "0x" + f.digits + "p0" // strconv insists on an exponent
	case f.hex:
		return "0x" + f.digits + f.exponent
	}
	return f.digits + f.exponent
}

// cutFloat takes the longest number from the front of s, after white space.
// Without one, digits is empty and inf false; a NaN is no number here, since
// no duration can be one.
func cutFloat(s string) (f float, rest string) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	if s != "" && (s[0] == '+' || s[0] == '-') {
		f.negative = s[0] == '-'
		s = s[1:]
	}
	for _, inf := range []string{"infinity", "inf"} {
		if len(s) >= len(inf) && strings.EqualFold(s[:len(inf)], inf) {
			f.inf = true
			return f, s[len(inf):]
		}
	}
	mark := "e"
	if len(s) > 2 && strings.EqualFold(s[:2], "0x") {
		if n := mantissa(s[2:], "0123456789abcdefABCDEF"); n > 0 {
			f.hex, mark, s = true, "p", s[2:]
			f.digits, s = s[:n], s[n:]
		}
	}
	if !f.hex {
		n := mantissa(s, "0123456789")
		f.digits, s = s[:n], s[n:]
	}
	if n := exponent(s, mark); f.digits != "" && n > 0 {
		f.exponent, s = s[:n], s[n:]
	}
	return f, s
}

// mantissa returns the length of the digits, with at most one point among
// them, at the front of s; 0 if there is no digit.
func mantissa(s, digits string) int {
	n := span(s, digits)
	if n < len(s) && s[n] == '.' {
		if frac := span(s[n+1:], digits); n+frac > 0 {
			return n + 1 + frac
		}
	}
	return n
}

// exponent returns the length of the exponent at the front of s; 0 if there is
// none, or none with a digit.
func exponent(s, mark string) int {
	if s == "" || !strings.EqualFold(s[:1], mark) {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	digits := span(s[n:], "0123456789")
	if digits == 0 {
		return 0
	}
	return n + digits
}

// span returns the length of the part at the front of s that consists of chars.
func span(s, chars string) int {
	return len(s) - len(strings.TrimLeft(s, chars))
}
