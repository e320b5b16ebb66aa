package cli

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/leak"
)

// TestMain makes the test binary play the program too, under each of its
// names: scripts and tests run it as cutoff and as timeout without a build.
// noRaceSleep keeps a program built with -race, and so every script's command,
// from sleeping for a second when it exits.
const noRaceSleep = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	cutoff.Init()
	_ = os.Setenv("GORACE", noRaceSleep)
	play := func() { os.Exit(Main(os.Args)) }
	testscript.Main(leakFree{m}, map[string]func(){"cutoff": play, "timeout": play})
}

type leakFree struct{ m *testing.M }

func (l leakFree) Run() int { return leak.Run(l.m) }
