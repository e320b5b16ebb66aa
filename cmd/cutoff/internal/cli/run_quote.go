package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quote puts a word of the user's into a diagnostic: in single quotes, on one
// line, and so that no byte of it can do anything to a terminal.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch i := strings.IndexRune("\a\b\f\n\r\t\v\\'", r); {
		case i >= 0 && r != utf8.RuneError:
			b.WriteByte('\\')
			b.WriteByte(`abfnrtv\'`[i])
		case r == utf8.RuneError && n == 1, !unicode.IsPrint(r):
			for _, c := range []byte(s[:n]) {
				fmt.Fprintf(&b, "\\%03o", c)
			}
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	b.WriteByte('\'')
	return b.String()
}
