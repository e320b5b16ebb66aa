package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A session is an interactive shell on a terminal of its own, as a user has
// it, with a person's hands on the keyboard.
type session struct {
	t   *testing.T
	dir string
	tty *os.File // the keyboard and the screen

	mu     sync.Mutex
	screen bytes.Buffer
	news   chan struct{} // something was printed
}

// answerBound is how long the terminal may take to show something. It is
// reached only if a test fails.
const answerBound = 30 * time.Second

func newSession(t *testing.T) *session {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash: job control takes a shell")
	}
	master, slave := openPTY(t)
	s := &session{t: t, dir: t.TempDir(), tty: master, news: make(chan struct{}, 1)}
	cmd := exec.Command(bash, "--norc", "--noprofile", "--noediting", "-i")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PS1=prompt> ", "LC_ALL=C", "TERM=dumb", "HISTFILE=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	// What is handled here is not ignored there, though we may have been
	// started in the background.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGHUP)
	t.Cleanup(func() { signal.Reset(syscall.SIGINT, syscall.SIGHUP) })
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	read := make(chan struct{})
	go func() { defer close(read); s.read() }()
	t.Cleanup(func() {
		killRecorded(s.dir)
		killSession(cmd.Process.Pid)
		_ = cmd.Wait()
		master.Close()
		<-read
	})
	s.see("prompt> ")
	return s
}

// openPTY makes a terminal. The master end can be read with a deadline.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals: %v", err)
	}
	var n int
	raw, err := master.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			_ = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
			n, _ = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		master.Close()
		t.Fatal(err)
	}
	return master, slave
}

// killSession kills what is left of the shell's session, and nothing else.
func killSession(sid int) {
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		var pid int
		_, _ = fmt.Sscanf(p, "/proc/%d", &pid)
		if got, err := unix.Getsid(pid); err == nil && got == sid {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

func (s *session) read() {
	buf := make([]byte, 4096)
	for {
		n, err := s.tty.Read(buf)
		s.mu.Lock()
		s.screen.Write(buf[:n])
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// press types without the return key.
func (s *session) press(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// enter types a line.
func (s *session) enter(line string) { s.t.Helper(); s.press(line + "\n") }

// see waits for a text on the screen and wipes the screen up to it. What is
// typed is seen, too: an answer is told from a question by how it is spelled.
func (s *session) see(text string) {
	s.t.Helper()
	timeout := time.NewTimer(answerBound)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		screen := s.screen.String()
		if _, after, ok := strings.Cut(screen, text); ok {
			s.screen.Reset()
			s.screen.WriteString(after)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		select {
		case <-s.news:
		case <-timeout.C:
			s.t.Fatalf("no %q on the screen, but:\n%s", text, screen)
		}
	}
}

// file writes a script.
func (s *session) file(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// gone holds that the process of a pid file is dead, at once or very soon.
func (s *session) gone(name string) {
	s.t.Helper()
	ended, err := recordedEnds(filepath.Join(s.dir, name), int(answerBound/time.Millisecond))
	if err != nil {
		s.t.Fatal(err)
	}
	if !ended {
		s.t.Errorf("the process of %s lives", name)
	}
}

// becomes waits until the process of a pid file is stopped, or is not.
func (s *session) becomes(name string, stopped bool) {
	s.t.Helper()
	for end := time.Now().Add(answerBound); ; time.Sleep(time.Millisecond) {
		if pid, err := recordedPID(filepath.Join(s.dir, name)); err == nil {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if bytes.Contains(status, []byte("T (stopped)")) == stopped {
				return
			}
		}
		if time.Now().After(end) {
			s.t.Fatalf("the process of %s: stopped should be %v", name, stopped)
		}
	}
}

func (s *session) exists(name string) bool {
	_, err := os.Stat(filepath.Join(s.dir, name))
	return err == nil
}

// The keys that signal.
const (
	ctrlC         = "\x03"
	ctrlZ         = "\x1a"
	ctrlBackslash = "\x1c"
)

// Ctrl-C during a script ends the command, all it started and the script, at
// once; the shell has its terminal back.
func TestTTYInterruptScript(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"cutoff run", "timeout", "timeout -f"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			s := newSession(t)
			s.file("script", program+` 600 sh tree.sh
echo >went-on
`)
			s.file("tree.sh", `echo $$ >near.pid
setsid sh -c 'trap "" INT HUP TERM; echo $$ >far.pid; echo rea""dy; while :; do sleep 1; done' &
exec sleep 600 # a shell that is just about to fork may keep Ctrl-C for itself
`)
			s.enter("bash script; echo sta''tus $?")
			s.see("ready")
			s.press(ctrlC)
			s.see("prompt> ")
			s.gone("near.pid")
			s.gone("far.pid")
			if s.exists("went-on") {
				t.Error("the script went on after Ctrl-C")
			}
			s.enter("echo st''ill $((6 * 7))")
			s.see("still 42")
		})
	}
}

// What the command makes of Ctrl-C is its own business.
func TestTTYInterruptHandled(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.enter(`cutoff run 600 sh -c 'trap "exit 42" INT; echo rea""dy; while :; do sleep .1; done'; echo sta''tus $?`)
	s.see("ready")
	s.press(ctrlC)
	s.see("status 42")
	s.enter(`cutoff run 600 sh -c 'ulimit -c 0; echo rea""dy; exec sleep 600'; echo sta''tus $?`)
	s.see("ready")
	s.press(ctrlBackslash)
	s.see("status 131")
}

// The command may read the terminal, and so may its neighbors in a pipeline.
func TestTTYRead(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	for _, program := range []string{"cutoff run", "timeout", "timeout -f"} {
		s.enter(program + ` 600 sh -c 'echo rea""dy; read x; echo "got <$x>"'`)
		s.see("ready")
		s.enter("hello")
		s.see("got <hello>")
		s.see("prompt> ")
	}
	s.file("script", `cutoff run 600 sh -c 'echo rea""dy; read x; echo "got <$x>"'`)
	s.enter("bash script")
	s.see("ready")
	s.enter("from a script")
	s.see("got <from a script>")
	s.see("prompt> ")
	s.enter(`cutoff run 600 echo one | sh -c 'read a; echo rea""dy; read b </dev/tty; echo "got <$a $b>"'`)
	s.see("ready")
	s.enter("two")
	s.see("got <one two>")
}

// Ctrl-Z stops the command and its clock: it may stand still for longer than
// its limit. fg lets both go on.
func TestTTYStopsTheClock(t *testing.T) {
	t.Parallel()
	const limit = 4 * time.Second
	for _, program := range []string{"cutoff run", "timeout"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			s := newSession(t)
			start := time.Now()
			s.enter(program + ` --json res 4 sh -c 'echo $$ >near.pid; echo rea""dy; read x; echo "got <$x>"'`)
			s.see("ready")
			s.press(ctrlZ)
			s.see("Stopped")
			time.Sleep(time.Until(start.Add(limit + time.Second))) // time itself is the subject
			s.enter("fg; echo sta''tus $?")
			s.see("fg")
			s.enter("late")
			s.see("got <late>")
			s.see("status 0")
			if res, err := os.ReadFile(filepath.Join(s.dir, "res")); err != nil || !strings.Contains(string(res), `"outcome":"ok"`) {
				t.Errorf("it ended like this: %s, %v", res, err)
			}
			s.gone("near.pid")
		})
	}
}

// The clock that fg starts again runs out, in the fore- and the background.
func TestTTYClockGoesOn(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	for _, resume := range []string{"fg", "bg; wait %1"} {
		s.enter(`cutoff run 1 sh -c 'echo rea""dy; exec sleep 600'`)
		s.see("ready")
		s.press(ctrlZ)
		s.see("Stopped")
		s.see("prompt> ")
		s.enter(resume + "; echo sta''tus $?")
		s.see("status 124")
		s.see("prompt> ")
	}
}

// Ctrl-Z as fast as a shell can follow, and the end of a stopped job.
func TestTTYStopAgain(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.enter(`cutoff run 600 sh -c 'echo $$ >near.pid; echo rea""dy; while read x; do echo "got <$x>"; done'`)
	s.see("ready")
	for i := range 5 {
		s.press(ctrlZ)
		s.see("Stopped")
		s.see("prompt> ")
		s.enter(" fg") // bash has been seen to lose the first character after a stop
		s.see("fg")
		s.enter(fmt.Sprint("line", i))
		s.see(fmt.Sprintf("got <line%d>", i))
	}
	s.press(ctrlZ)
	s.see("Stopped")
	s.enter("kill %1")
	s.gone("near.pid")
}

// A command in the background that wants the terminal waits for it. fg gives
// it; without, the limit is kept.
func TestTTYBackground(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.enter(`cutoff run 600 sh -c 'echo $$ >near.pid; read x; echo "got <$x>"' &`)
	s.becomes("near.pid", true)
	s.enter("fg")
	s.see("fg")
	s.enter("at last")
	s.see("got <at last>")
	s.see("prompt> ")
	s.enter(`cutoff run .5 sh -c 'read x' & wait $!; echo sta''tus $?`)
	s.see("status 124")
	// Our own messages stop nobody where the terminal stops who writes.
	s.enter(`stty tostop; cutoff run -v .2 sleep 600 & wait $!; echo sta''tus $?; stty -tostop`)
	s.see("sending signal TERM")
	s.see("status 124")
}

// SIGTSTP for us alone stops the job, and SIGCONT for us alone continues it.
func TestTTYStopByKill(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.enter(`cutoff run 600 sh -c 'echo $$ >near.pid; echo rea""dy; exec sleep 600' & echo $! >program.pid`)
	s.see("ready")
	s.enter(`kill -TSTP $!`)
	s.becomes("near.pid", true)
	s.becomes("program.pid", true)
	s.enter(`kill -CONT $!`)
	s.becomes("near.pid", false)
	// The shell must have heard of it, or its wait returns for the stop.
	s.enter(`while [ -n "$(jobs -s)" ]; do :; done; echo go''ing`)
	s.see("going")
	s.enter(`kill $!; wait $!; echo sta''tus $?`)
	s.see("status 143")
}

// A command with a handler for Ctrl-Z is stopped by itself, later.
func TestTTYStopHandled(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.file("editor", `trap 'echo put aside; kill -STOP $$; echo taken up' TSTP
echo rea""dy
while :; do read x && echo "got <$x>"; done
`)
	s.enter("cutoff run 600 bash editor")
	s.see("ready")
	s.press(ctrlZ)
	s.see("put aside")
	s.see("Stopped")
	s.see("prompt> ")
	s.enter("fg")
	s.see("taken up")
	s.enter("on")
	s.see("got <on>")
	s.press(ctrlC)
	s.see("prompt> ")
}

// The terminal is closed: nothing stays behind.
func TestTTYHangup(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.enter(`cutoff run 600 sh -c 'echo $$ >near.pid; setsid sh -c "echo \$\$ >far.pid; trap \"\" HUP; echo rea\"\"dy; while :; do sleep 1; done" & sleep 600'`)
	s.see("ready")
	s.tty.Close()
	s.gone("near.pid")
	s.gone("far.pid")
}
