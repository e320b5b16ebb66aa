package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

func TestTaskLine(t *testing.T) {
	for _, c := range []struct {
		line string
		want batch.Task
	}{
		{`{"argv":["a","b c"]}`, batch.Task{Argv: []string{"a", "b c"}}},
		{`{"cmd":"a 'b c'"}`, batch.Task{Argv: []string{"a", "b c"}}},
		{`{"cmd":"a | b"}`, batch.Task{Cmd: "a | b"}},
		{` {"id":"x","cmd":"a;b","dir":"/d"} `, batch.Task{ID: "x", Cmd: "a;b", Dir: "/d"}},
		{`{"argv":["a"],"env":{"B":"2","A":"1=1"}}`, batch.Task{Argv: []string{"a"}, Env: []string{"A=1=1", "B=2"}}},
		{`{"argv":["a"],"stdin":""}`, batch.Task{Argv: []string{"a"}, Stdin: []byte{}}},
		{`{"argv":["a"],"timeout":1.5}`, batch.Task{Argv: []string{"a"}, Limits: cutoff.Limits{Timeout: 1500 * time.Millisecond}}},
		{`{"argv":["a"],"timeout":"1m"}`, batch.Task{Argv: []string{"a"}, Limits: cutoff.Limits{Timeout: time.Minute}}},
		{`{"argv":["a"],"timeout":1e-300}`, batch.Task{Argv: []string{"a"}, Limits: cutoff.Limits{Timeout: 1}}},
		{`{"argv":["{}","$(x)","\u00e4"]}`, batch.Task{Argv: []string{"{}", "$(x)", "ä"}}},
	} {
		got, ok, err := parseTaskLine(1, c.line)
		if err != nil || !ok || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", c.want) {
			t.Errorf("%s: %+v, %v, %v; want %+v", c.line, got, ok, err, c.want)
		}
	}
	if _, ok, err := parseTaskLine(1, "  "); ok || err != nil {
		t.Errorf("an empty line: %v, %v; want no task", ok, err)
	}
}

func TestBadTaskLines(t *testing.T) {
	for line, want := range map[string]string{
		`x`:                                  "not JSON",
		`[]`:                                 "not a JSON object",
		`"a"`:                                "not a JSON object",
		`{`:                                  "cut short",
		`{"cmd":"a"`:                         "cut short",
		`{"cmd":"a"} {"cmd":"b"}`:            "more than one JSON value",
		`{"cmd":"a"} x`:                      "more than one JSON value",
		`{}`:                                 "exactly one of",
		`{"id":"a"}`:                         "exactly one of",
		`{"cmd":"a","argv":["a"]}`:           "exactly one of",
		`{"cmd":"a","cmd":"b"}`:              `the key "cmd" is given twice`,
		`{"Cmd":"a"}`:                        `unknown key "Cmd"`,
		`{"cmd":"a","retries":3}`:            `unknown key "retries" (known: id, argv,`,
		`{"cmd":3}`:                          "cmd: a number where a string belongs",
		`{"cmd":null}`:                       "null is no value",
		`{"cmd":""}`:                         "the command is empty",
		`{"cmd":"'' a"}`:                     "name of the command is empty",
		`{"cmd":"a '"}`:                      "not valid for the shell",
		`{"cmd":"a\u0000b"}`:                 "NUL",
		`{"argv":[]}`:                        "name of the command is empty",
		`{"argv":[""]}`:                      "name of the command is empty",
		`{"argv":["a","b\u0000"]}`:           "NUL",
		`{"cmd":"a","env":"x"}`:              "env: a string where an object of strings belongs",
		`{"argv":"a"}`:                       "argv: a string where an array of strings belongs",
		`{"argv":["a"],"dir":"\u0000"}`:      "NUL",
		`{"argv":["a"],"env":{"":"x"}}`:      "no name of an environment variable",
		`{"argv":["a"],"env":{"A=B":"x"}}`:   "no name of an environment variable",
		`{"argv":["a"],"env":["A=B"]}`:       "env: a array where",
		`{"argv":["a"],"timeout":0}`:         "is no limit",
		`{"argv":["a"],"timeout":"0s"}`:      "is no limit",
		`{"argv":["a"],"timeout":-1}`:        "invalid time interval",
		`{"argv":["a"],"timeout":"soon"}`:    "invalid time interval",
		`{"argv":["a"],"timeout":true}`:      "invalid time interval",
		`{"argv":["a"],"nofile":0}`:          "nofile: invalid number '0'",
		`{"argv":["a"],"nproc":1.5}`:         "nproc: invalid number '1.5'",
		`{"argv":["a"],"no_core":1}`:         "no_core: a number where a bool belongs",
		`{"argv":["a"],"nice":"20"}`:         "nice: invalid niceness '20'",
		`{"argv":["a"],"cpus":[0]}`:          "cpus: invalid list of processors \"[0]\"",
		`{"argv":["a"],"timeout":"1e30000"}`: "is no limit",
		"{\"argv\":[\"a\xff\"]}":             "not valid UTF-8",
	} {
		if _, _, err := parseTaskLine(1, line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", line, err, want)
		}
	}
}

// FuzzTaskLine feeds any line. What is accepted is one JSON object of known
// keys, and a task that can run.
func FuzzTaskLine(f *testing.F) {
	for _, line := range []string{
		`{"argv":["a","b c"],"env":{"A":"1"},"dir":"/","stdin":"x","timeout":"2s","id":"7"}`,
		`{"cmd":"a | b","timeout":0.5}`, `{"cmd":"a"}{}`, `{"cmd":"a","cmd":"b"}`, `{"CMD":"a"}`, `{"cmd":`, `[1]`, "", "\xff",
		`{"argv":["\u0000"]}`, `{"argv":["a"],"timeout":1e-400}`, `{"argv":["a"],"timeout":-0}`, `{"argv":["a"],"env":{"A":"1","A":"2"}}`,
	} {
		f.Add(line)
	}
	known := strings.Split(taskKeys, ", ")
	f.Fuzz(func(t *testing.T, line string) {
		task, ok, err := parseTaskLine(1, line)
		if err != nil || !ok {
			return
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%q is accepted, and encoding/json says %v", line, err)
		}
		_, limited := object["timeout"]
		for _, k := range known {
			delete(object, k)
		}
		if len(object) > 0 {
			t.Errorf("%q is accepted with unknown keys %v", line, object)
		}
		if (len(task.Argv) > 0) == (task.Cmd != "") || task.Cmd == "" && task.Argv[0] == "" {
			t.Errorf("%q: argv %q and cmd %q", line, task.Argv, task.Cmd)
		}
		for _, w := range append([]string{task.Cmd, task.Dir}, append(task.Argv, task.Env...)...) {
			if strings.Contains(w, "\x00") {
				t.Errorf("%q: a NUL byte in %q", line, w)
			}
		}
		if d := task.Limits.Timeout; d < 0 || d == 0 && limited {
			t.Errorf("%q: a timeout of %v", line, d)
		}
	})
}
