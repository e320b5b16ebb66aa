package readme

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"time"
)

// exec runs a command and returns what it printed and its exit status. An
// error means that it had to be stopped or could not be started.
func (r *Runner) exec(ctx context.Context, argv ...string) (out string, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, blockLimit)
	defer cancel()
	var buf bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, r.env, &buf, &buf
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return buf.String(), exit.ExitCode(), nil
	}
	return buf.String(), 0, err
}
