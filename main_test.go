package cutoff

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"testing"

	"github.com/cutoff-run/cutoff/internal/leak"
)

// The test binary plays every helper process. A test asks for one with
// helperEnv; a helper that no test asked for fails the run.
var (
	helpers     = map[string]func(){}
	helpersUsed = map[string]bool{}
)

const helperVar = "CUTOFF_TEST_HELPER"

// helper registers a helper process; call it from a package-level variable.
func helper(name string, f func()) struct{} {
	helpers[name] = f
	return struct{}{}
}

// helperEnv returns the environment entry that makes this binary play name.
func helperEnv(t testing.TB, name string) string {
	t.Helper()
	if helpers[name] == nil {
		t.Fatalf("no helper %q", name)
	}
	helpersUsed[name] = true
	return helperVar + "=" + name
}

func TestMain(m *testing.M) {
	Init() // a worker of a test's pool stays in here
	if f := helpers[os.Getenv(helperVar)]; f != nil {
		f()
		os.Exit(0)
	}
	code := leak.Run(m)
	// An ordinary user cannot have all the means that there are tests of.
	if code == 0 && os.Getuid() == 0 && !filtered() {
		code = unusedHelpers()
	}
	os.Exit(code)
}

func unusedHelpers() int {
	var unused []string
	for name := range helpers {
		if !helpersUsed[name] {
			unused = append(unused, name)
		}
	}
	if len(unused) == 0 {
		return 0
	}
	sort.Strings(unused)
	fmt.Fprintf(os.Stderr, "helpers that no test uses: %v\n", unused)
	return 1
}

// filtered reports whether only some of the tests were asked for, so that an
// unused helper proves nothing.
func filtered() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.bench", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return true
		}
	}
	return testing.Short()
}
