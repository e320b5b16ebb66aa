package doctor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	endless := append([]time.Duration{}, hundred...)
	endless[99] = never
	for _, tt := range []struct {
		name   string
		sorted []time.Duration
		q      float64
		want   time.Duration // never: nil
	}{
		{"none", nil, 0.5, never},
		{"one", []time.Duration{7}, 0.99, 7},
		{"median of two", []time.Duration{1, 2}, 0.5, 1},
		{"median", hundred, 0.5, 50},
		{"p99", hundred, 0.99, 99},
		{"max", hundred, 1, 100},
		{"p99 beside one that never ended", endless, 0.99, 99},
		{"max of one that never ended", endless, 1, never},
		{"zero is a time", []time.Duration{0}, 0.5, 0},
	} {
		got := quantile(tt.sorted, tt.q)
		if (got == nil) != (tt.want == never) || got != nil && *got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// sample is a report with everything in it.
func sample() *Report {
	limit := 200 * time.Millisecond
	good := Line{Case: CutOff, Child: "setsid", Title: "has a session of its own", Tool: "cutoff", Containment: "sweep", Limit: limit, Repeated: 1}
	for _, d := range []time.Duration{1234567, 2 * time.Millisecond, 1500 * time.Millisecond} {
		good.add(round{gone: d})
	}
	good.sum()
	slow := Line{Case: CutOff, Child: "thousand", Title: "has 1,000 descendants", Tool: "cutoff", Containment: "sweep", Limit: 3 * limit}
	slow.add(round{gone: 20 * time.Millisecond})
	slow.sum()
	peer := Line{Case: CutOff, Child: "setsid", Title: "has a session of its own", Tool: "timeout", Limit: limit}
	peer.add(round{survivors: 1, gone: never})
	peer.add(round{survivors: 2, gone: never, lost: true})
	peer.sum()
	killed := Line{Case: Killed, Child: "bomb", Title: "forks for ever", Tool: "cutoff", Containment: "sweep", Limit: bound}
	killed.add(round{gone: 900 * time.Microsecond})
	killed.sum()
	unproved := Line{Case: Killed, Child: "comet", Title: "forks, executes and exits for ever", Tool: "timeout", Limit: bound, Unproved: "the child was not ready"}
	return &Report{
		Format: ReportFormat, Major: ReportMajor, Minor: ReportMinor,
		Time: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC), User: 1000, Containment: "sweep", Rounds: 3, Limit: int64(limit),
		Levels: []Level{
			{Level: "cgroup", Reason: "permission denied", Hint: "run it in a service of yours"},
			{Level: "sweep", Available: true, InForce: true},
			{Level: "group", Available: true},
		},
		Lines:   []Line{good, slow, peer, killed, unproved},
		Missing: []Missing{{"parallel --timeout", "parallel is not installed"}},
	}
}

// TestReportFormats holds both forms of a report: the text, and the JSON that
// docs/DOCTOR.md describes. UPDATE=1 writes them anew.
func TestReportFormats(t *testing.T) {
	var text strings.Builder
	if err := sample().Text(&text); err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(sample(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"report.txt": text.String(), "report.json": string(b) + "\n"} {
		file := filepath.Join("testdata", name)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || got != string(want) {
			t.Errorf("%s (%v): got\n%s", file, err, got)
		}
	}
}

// TestDocumented holds that docs/DOCTOR.md names every field of the JSON form.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/DOCTOR.md")
	if err != nil {
		t.Fatal(err)
	}
	var fields func(v any)
	fields = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, below := range v {
				if !strings.Contains(string(doc), "`"+name+"`") {
					t.Errorf("docs/DOCTOR.md does not name the field %q", name)
				}
				fields(below)
			}
		case []any:
			for _, below := range v {
				fields(below)
			}
		}
	}
	b, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	fields(v)
}

func TestSound(t *testing.T) {
	r := sample()
	if !r.Sound() {
		t.Error("a peer's survivors are not cutoff's")
	}
	r.Lines[0].Lost = 1
	if r.Sound() {
		t.Error("cutoff did not return, and all is well")
	}
	r.Lines[0].Lost, r.Lines[3].Survivors = 0, 1
	if r.Sound() {
		t.Error("something survived, and all is well")
	}
	r.Lines[3].Survivors, r.Lines[0].Unproved = 0, "the child was not ready"
	if v := r.verdict(); !r.Sound() || r.Unproved() != 1 || !strings.Contains(v, "1 lines could not be examined") {
		t.Errorf("the verdict is %q", v)
	}
	r.Lines[3].Survivors, r.Survivors = 1, 1
	if v := r.verdict(); !strings.Contains(v, "SURVIVORS: 1 ") {
		t.Errorf("the verdict is %q", v)
	}
}

func TestPeers(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, p := range Peers() {
		if p.Missing == "" {
			t.Errorf("%s is not missing where nothing is", p.Name)
		}
		argv := p.Command(200*time.Millisecond, "", []string{"child", "arg"})
		if line := " " + strings.Join(argv, " ") + " "; !strings.Contains(line, " 0.2 ") || !strings.Contains(line, " child arg ") {
			t.Errorf("%s runs %q", p.Name, argv)
		}
	}
}
