package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Beside the original, whichever version is installed: the same lines end in
// the same way, with the same words. What changed between its versions 9.1 and
// 9.11 stands in the scripts and not here.
func TestRunAsGNU(t *testing.T) {
	gnu := gnuTimeout()
	if gnu == "" {
		t.Skip("no GNU timeout to compare with")
	}
	for _, args := range [][]string{
		{}, {"1"}, {"--"}, {"-"}, {"-", "true"}, {"-k"}, {"-s"}, {"--signal"}, {"--kill-after"},
		{"--nonsense"}, {"--nonsense=1"}, {"-z"}, {"-kz"}, {"--v"}, {"--ve"}, {"--ve=x", "1", "true"}, {"--ver", "1", "true"}, {"--foreground=x", "1", "true"},
		{"--verb", "1", "true"}, {"--pre", "1", "false"}, {"--s=TERM", "1", "true"}, {"--k", "1", "1", "true"},
		{"-s", "SIG9", "1", "true"}, {"-s", "143", "1", "true"}, {"-s", "271", "1", "true"}, {"-s", "999", "1", "true"},
		{"-s", "65", "1", "true"}, {"-s", "64", "1", "true"}, {"-s", "-1", "1", "true"}, {"-s", "9x", "1", "true"}, {"-s09", "1", "true"},
		{"-s", "exit", "1", "true"}, {"-s", "sigterm", "1", "true"}, {"-s", "SIGSIGTERM", "1", "true"}, {"-s", "SIG", "1", "true"},
		{"-s", "RTMIN+30", "1", "true"}, {"-s", "RTMIN+31", "1", "true"}, {"-s", "RTMAX-30", "1", "true"}, {"-s", "RTMAX+1", "1", "true"},
		{"-s", "RTMIN-1", "1", "true"}, {"-s", "RTMIN+", "1", "true"}, {"-s", "RTMIN5", "1", "true"}, {"-s", "POLL", "1", "true"},
		{"-s", "IO", "1", "true"}, {"-s", "CLD", "1", "true"}, {"-s", "IOT", "1", "true"}, {"-s", "STKFLT", "1", "true"}, {"-s", "UNUSED", "1", "true"},
		{"-s", "1000000000000000", "1", "true"}, {"-s", "TERM ", "1", "true"}, {"-s", "", "1", "true"}, {"-s", "a'b\n\x01\\", "1", "true"},
		{"1", "true"}, {"1", "false"}, {"0", "false"}, {"1", "sh", "-c", "exit 77"}, {"1", "no_such"}, {"1", "/"}, {"1", "."}, {"1", ""},
		{"1", "/etc/passwd"}, {"1", "/etc/passwd/x"}, {"1", "a'b\tc"}, {"1", strings.Repeat("x", 5000)},
		{".05", "sleep", "9"}, {"-v", ".05", "sleep", "9"}, {"--preserve-status", ".05", "sleep", "9"}, {"--preserve-status", "-v", "-s", "INT", ".05", "sleep", "9"},
		{"-v", "-s", "USR1", ".05", "sleep", "9"}, {"-v", "-s", "RTMIN", ".05", "sleep", "9"}, {"-v", "-s", "RTMIN+15", ".05", "sleep", "9"},
		{"-v", "-s", "RTMIN+16", ".05", "sleep", "9"}, {"-v", "-s", "40", ".05", "sleep", "9"}, {"-v", "-s", "IOT", ".05", "sleep", "9"},
		{"-s", "KILL", ".05", "sleep", "9"}, {"--foreground", "-s", "KILL", ".05", "sleep", "9"}, {"-k", ".05", "-s", "CONT", ".05", "sleep", "9"},
		{"--foreground", "-vk", ".05", "-s", "WINCH", ".05", "sleep", "9"}, {"--preserve-status", "-s", "CONT", ".05", "sleep", ".2"},
		{"1", "sh", "-c", "kill -TERM $$"}, {"1", "sh", "-c", "kill -KILL $$"}, {"1", "sh", "-c", "kill -USR2 $$"}, {"1", "sh", "-c", "kill -ALRM $$"},
		{".1", "sh", "-c", "kill -STOP $$"}, {".1", "sh", "-c", "kill -STOP $$; exit 9"}, {"--preserve-status", ".1", "sh", "-c", "trap 'exit 8' TERM; kill -STOP $$; sleep 9"},
		{"1", "timeout", "-k", "x"}, {"-k", "1e", "1", "true"}, {"--", "-1", "true"}, {"--", "1", "true"}, {"--", "--", "true"}, {"1", "--", "true"},
	} {
		t.Run(strings.ToValidUTF8(fmt.Sprintf("%.60q", args), "?"), func(t *testing.T) {
			t.Parallel()
			ours, theirs := ending(t, played("timeout", args)), ending(t, exec.Command(gnu, args...))
			if ours != theirs {
				t.Errorf("ours:   %s\nGNU's: %s", ours, theirs)
			}
		})
	}
}

// played is this test binary as one of the program's names.
func played(name string, args []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = name
	return cmd
}

// ending runs a command and says how it ended and what it printed.
func ending(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	printed := strings.ReplaceAll(out.String(), cmd.Args[0]+":", "timeout:")
	printed = strings.ReplaceAll(printed, "'"+cmd.Args[0]+" --help'", "'timeout --help'")
	return fmt.Sprintf("%v\n%s", cmd.ProcessState, printed)
}
