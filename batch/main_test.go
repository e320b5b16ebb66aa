package batch_test

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/cutoff-run/cutoff/batch"
	"github.com/cutoff-run/cutoff/internal/leak"
)

// The test binary plays the commands of the tests.
const helperVar = "CUTOFF_BATCH_HELPER"

var helpers = map[string]func(){
	"ok": func() {
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
	},
	"fail": func() { os.Exit(7) },
	"hang": func() {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		for { // the point of it is that it never ends
		}
	},
	"cat": func() { _, _ = io.Copy(os.Stdout, os.Stdin) },
	"env": func() { fmt.Println(os.Getenv("GREETING"), os.Getenv("PATH") != "") },
	"dir": func() {
		dir, _ := os.Getwd()
		fmt.Println(dir)
	},
}

func TestMain(m *testing.M) {
	if f := helpers[os.Getenv(helperVar)]; f != nil {
		f()
		os.Exit(0)
	}
	os.Exit(leak.Run(m))
}

// helperTask is a task of a command that plays name.
func helperTask(name string) batch.Task {
	if helpers[name] == nil {
		panic("no helper " + name)
	}
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return batch.Task{ID: name, Argv: []string{exe}, Env: []string{helperVar + "=" + name}}
}
