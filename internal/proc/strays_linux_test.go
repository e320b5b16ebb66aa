package proc

import (
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStraysAreReaped: a daemon that was let go and has ended since is reaped
// with the start of the next tree, at whatever level that is.
func TestStraysAreReaped(t *testing.T) {
	for _, l := range Levels() {
		t.Run(string(l.Level), func(t *testing.T) {
			if l.Err != nil {
				t.Skip("it cannot be had here:", l.Err)
			}
			tr := shell(t, startSwept, `(setsid sh -c 'echo $$ >&3; exec sleep 60' &); echo >&3`)
			daemon := strayPID(tr)
			tr.ended()
			if err := tr.tree.Release(); err != nil {
				t.Fatal(err)
			}
			_ = unix.Kill(daemon, unix.SIGKILL)
			for st, ok := readStat(daemon); ok && !st.dead(); st, ok = readStat(daemon) {
				time.Sleep(time.Millisecond) // within the bound of go test
			}
			if st, ok := readStat(daemon); !ok || st.ppid != os.Getpid() {
				t.Fatal("it is not ours to reap: the test is void")
			}
			shell(t, func(s Spec) (*Tree, error) { s.Level = l.Level; return Start(s) }, `exec sleep 60`).end()
			if _, ok := readStat(daemon); ok {
				t.Error("it is still there")
			}
		})
	}
}

// strayPID reads the line of the daemon and the empty one of the leader, in
// either order.
func strayPID(tr *trial) (pid int) {
	tr.t.Helper()
	for lines := 0; lines < 2; {
		b := tr.read(1)[0]
		if b == '\n' {
			lines++
		} else if d, err := strconv.Atoi(string(b)); err == nil {
			pid = 10*pid + d
		}
	}
	return pid
}
