package cli

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/leak"
)

// TestMain makes the test binary play the program too, under each of its
// names: scripts and tests run it as cutoff and as timeout without a build.
func TestMain(m *testing.M) {
	cutoff.Init()
	play := func() { os.Exit(Main(os.Args)) }
	testscript.Main(leakFree{m}, map[string]func(){"cutoff": play, "timeout": play})
}

type leakFree struct{ m *testing.M }

func (l leakFree) Run() int {
	if signal.Ignored(syscall.SIGHUP) {
		// Under nohup every program here would ignore it too, and those that
		// are to be ended by it would never end. What is caught is not passed on.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	return leak.Run(l.m)
}
