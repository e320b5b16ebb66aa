package readme

import (
	"context"
	"errors"
	"strings"

	"github.com/cutoff-run/cutoff"
)

// exec runs a command with everything it starts, under the Runner's limit, and
// returns what it printed and its exit status. An error means that it had to
// be stopped or could not be started.
func (r *Runner) exec(ctx context.Context, argv ...string) (out string, code int, err error) {
	var printed strings.Builder
	result, err := cutoff.Command{
		Path:   argv[0],
		Args:   argv[1:],
		Env:    r.env,
		Dir:    r.dir,
		Stdout: &printed,
		Stderr: &printed,
		Limits: cutoff.Limits{Timeout: r.limit},
	}.Run(ctx)
	var exit *cutoff.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return printed.String(), result.ExitCode, err
}
