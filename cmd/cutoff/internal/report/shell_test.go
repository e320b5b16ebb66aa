package report

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/cutoff-run/cutoff/journal"
)

// What is shown can be pasted: a shell makes the same words of it.
func TestShellLine(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash to ask")
	}
	words := []string{"printf", `%s\0`, "plain", "two words", "it's", `back\slash`, "$HOME `x` $(y)", "", "a\nb\tc", "\x1b[31m", "\xff\x01é", "日本", "*", "-n", "a=b", "~", "#x"}
	line := shellLine(&journal.Task{Argv: words})
	if strings.ContainsAny(line, "\n\x1b") {
		t.Errorf("not on one line, or not printable: %q", line)
	}
	out, err := exec.Command(bash, "-c", line).Output()
	check(t, err)
	if want := strings.Join(words[2:], "\x00") + "\x00"; string(out) != want {
		t.Errorf("%s\ngives %q\nwant  %q", line, out, want)
	}
	for _, c := range []struct {
		task journal.Task
		want string
	}{
		{journal.Task{Cmd: "wc -l < 'a b'", Dir: "/tmp/it is"}, `cd '/tmp/it is' && sh -c 'wc -l < '\''a b'\'''`},
		{journal.Task{Func: "do_stuff"}, ""},
	} {
		if got := shellLine(&c.task); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
