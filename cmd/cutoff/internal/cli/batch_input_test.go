package cli

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// read collects the texts of an input up to its end or its first error.
func read(r io.Reader) (texts []string, last string, err error) {
	for it, err := range lines(r, "list", '\n') {
		last = it.place
		if err != nil {
			return texts, last, err
		}
		texts = append(texts, it.text)
	}
	return texts, last, nil
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200<<10) // longer than the buffer
	for in, want := range map[string][]string{
		"":                   nil,
		"\n":                 {""},
		"a\nb\n":             {"a", "b"},
		"a\nb":               {"a", "b"},
		"a\n\nb\n\n":         {"a", "", "b", ""},
		"a\r\nb \n":          {"a\r", "b "},
		long + "\n" + long:   {long, long},
		"\xff\x00\n\u2028\n": {"\xff\x00", "\u2028"},
	} {
		if got, _, err := read(iotest.OneByteReader(strings.NewReader(in))); err != nil || !slices.Equal(got, want) {
			t.Errorf("%.20q: %.20q, %v; want %.20q", in, got, err, want)
		}
	}
}

// TestEndlessLine has an input that never ends its second line.
func TestEndlessLine(t *testing.T) {
	got, place, err := read(io.MultiReader(strings.NewReader("a\n"), endless{}))
	var bad *inputError
	if len(got) != 1 || place != "list:2" || !errors.As(err, &bad) || !strings.Contains(err.Error(), "list:2: the line is longer than 16 MiB") || len(err.Error()) > 400 {
		t.Errorf("%d lines, then at %s %v", len(got), place, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestUnreadableInput(t *testing.T) {
	broken := errors.New("broken")
	got, _, err := read(io.MultiReader(strings.NewReader("a\nhalf"), iotest.ErrReader(broken)))
	if len(got) != 1 || !errors.Is(err, broken) {
		t.Errorf("%q, %v: want one line, and no half of one", got, err)
	}
}
