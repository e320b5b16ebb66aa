package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/hostile"
)

// functions are what a pool's worker has to be ended in the middle of.
var functions = []hostile.Child{
	{Name: "function", Title: "a function that spins"},
	{Name: functionSetsid, Title: "a function with a process in a session of its own", Quiet: true},
}

const functionSetsid = "function-setsid"

// spin is the hostile function: it runs in a worker.
var spin = cutoff.Register("doctor.spin", func(_ context.Context, s spinner) (none struct{}, err error) {
	f, err := os.OpenFile(s.Pipe, os.O_WRONLY, 0)
	if err != nil {
		return none, err
	}
	defer f.Close()
	fmt.Fprintf(f, "start %d\n", monotonic())
	if s.Name == functionSetsid {
		exe, err := os.Executable()
		if err != nil {
			return none, err
		}
		return none, exec.Command(exe, hostile.Args("setsid", s.Pipe)...).Run() // it says ready
	}
	fmt.Fprintln(f, "ready")
	for end := time.Now().Add(hostile.Life); time.Now().Before(end); { // never looks at its context
	}
	return none, errors.New("nobody ended it")
})

type spinner struct{ Name, Pipe string }

// callWord is the hidden command that is Call.
const callWord = "call"

func callArgs(exe, name, pipe string, limit time.Duration, record string) []string {
	return []string{exe, "doctor", callWord, name, pipe, limit.String(), record}
}

// Call is the tool that runs functions: a program with a pool of one worker
// that calls the function once, under the limit, and writes the Result to the
// file record. args are those after the word "call".
func Call(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("call takes a function, a pipe, a limit and a file")
	}
	limit, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 1, Limits: cutoff.Limits{Timeout: limit}})
	if err != nil {
		return err
	}
	defer pool.Kill()
	c, err := spin.Start(ctx, pool, spinner{args[0], args[1]})
	if err != nil {
		return err
	}
	_, err = c.Wait()
	if !errors.Is(err, cutoff.ErrTimeout) {
		return err
	}
	b, err := json.Marshal(c.Result())
	if err != nil {
		return err
	}
	return os.WriteFile(args[3], b, 0o600)
}
