// Command cutoff runs work under hard limits: at its cutoff a task is really
// stopped, with everything it started, and the rest goes on.
package main

import (
	"os"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/cli"
)

func main() {
	cutoff.Init() // a worker process stays in here and never returns
	os.Exit(cli.Main(os.Args))
}
