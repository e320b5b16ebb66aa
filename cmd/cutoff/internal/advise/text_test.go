package advise

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
)

func TestVerdicts(t *testing.T) {
	fast, slow := sample{cutoff.OK, 300 * time.Millisecond, 5 * sec}, sample{cutoff.Timeout, 5 * sec, 5 * sec}
	open := sample{cutoff.OK, 60 * sec, 0}
	short := sample{cutoff.OK, 300 * time.Millisecond, sec}
	for _, c := range []struct {
		list []sample
		want string
	}{
		{nil, "Too little data: to be sure that a limit keeps 95 % of the results takes 52 of them, and the journal has 0."},
		{append(slices.Repeat([]sample{fast}, 100), slow), "5 s → 0.3 s saves 13 % of the time and loses none of the results."},
		{append(slices.Repeat([]sample{fast, short}, 100), slow), "up to 5 s → 0.3 s saves 7.2 % of the time and loses none of the results."},
		{append(slices.Repeat([]sample{fast}, 400), open), "no limit → 0.3 s saves 33 % of the time and loses 0.2 % of the results."},
		{slices.Repeat([]sample{fast}, 100), "Stay with 5 s: no shorter limit that surely keeps 95 % of the results gets them for less time."},
		{slices.Repeat([]sample{open}, 100), "No limit pays: none that surely keeps 95 % of the results gets them for less time. The longest attempt took 60 s."},
		{slices.Repeat([]sample{slow}, 100), "None of 100 attempts gave a result, so no limit up to 5 s is good for any. Whether a longer one is, this journal cannot know."},
	} {
		if got := adviceOf(0.95, c.list).Verdict(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestPercentAndDuration(t *testing.T) {
	for in, want := range map[float64]string{0: "0 %", 1e-5: "0.1 %", 0.042: "4.2 %", 0.04: "4 %", 0.634: "63 %", 0.996: "99.6 %", 0.99999: "99.9 %", 1: "100 %"} {
		if got := percent(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[time.Duration]string{
		0: "0 ns", 110_000: "110 µs", 4_600_000: "4.6 ms", 310_000_000: "0.31 s", 5_010_000_000: "5.01 s", 500 * sec: "500 s",
		20 * time.Minute: "20 min", 36 * time.Hour: "36 h",
	} {
		if got := duration(in); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
}

// Every field of the JSON stands in its document, and the numbers are not
// rounded.
func TestJSON(t *testing.T) {
	a := adviceOf(0.95, draw(2000, 5*sec, bimodal))
	var b bytes.Buffer
	if err := a.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../../../docs/ADVISE.md")
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b.Bytes(), &fields); err != nil {
		t.Fatal(err)
	}
	best, ok := fields["advised"].(map[string]any)
	if !ok || best["kept"] != a.Best.Kept || best["limit_ns"] != float64(a.Best.Limit) || fields["verdict"] != a.Verdict() {
		t.Errorf("%v", fields)
	}
	for _, set := range []map[string]any{fields, best} {
		for name := range set {
			if !strings.Contains(string(doc), "`"+name+"`") {
				t.Errorf("docs/ADVISE.md lacks %s", name)
			}
		}
	}
}
