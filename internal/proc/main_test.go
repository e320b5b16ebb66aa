package proc

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"testing"

	"github.com/cutoff-run/cutoff/internal/leak"
)

// The test binary plays every helper process. A helper that no test asked for
// fails the run.
var (
	helpers     = map[string]func(){}
	helpersUsed = map[string]bool{}
)

const helperVar = "CUTOFF_PROC_TEST_HELPER"

// helper registers a helper process; call it from a package-level variable.
func helper(name string, f func()) struct{} {
	helpers[name] = f
	return struct{}{}
}

// helperEnv returns the environment that makes this binary play name.
func helperEnv(t testing.TB, name string, more ...string) []string {
	t.Helper()
	if helpers[name] == nil {
		t.Fatalf("no helper %q", name)
	}
	helpersUsed[name] = true
	return append(append(os.Environ(), helperVar+"="+name), more...)
}

// The main goroutine stays on the main thread: a helper makes use of it.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if f := helpers[os.Getenv(helperVar)]; f != nil {
		f()
		os.Exit(0)
	}
	code := leak.Run(m)
	// An ordinary user cannot have all the means that there are tests of.
	if code == 0 && os.Getuid() == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" {
		var unused []string
		for name := range helpers {
			if !helpersUsed[name] {
				unused = append(unused, name)
			}
		}
		if sort.Strings(unused); len(unused) > 0 {
			fmt.Fprintf(os.Stderr, "helpers that no test uses: %v\n", unused)
			code = 1
		}
	}
	os.Exit(code)
}
