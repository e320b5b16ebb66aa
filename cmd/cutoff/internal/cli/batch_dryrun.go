package cli

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/cutoff-run/cutoff/batch"
)

// dryRun prints the command of each task.
func dryRun(w io.Writer, tasks iter.Seq2[batch.Task, error]) error {
	for t, err := range tasks {
		if err != nil {
			var bad *inputError
			if errors.As(err, &bad) {
				return exitError{exitUsage, bad}
			}
			return err
		}
		if t.Invalid != nil {
			fmt.Fprintln(os.Stderr, "cutoff: not a task:", t.Invalid)
			continue
		}
		if _, err := fmt.Fprintln(w, shellLine(t)); err != nil {
			return err
		}
	}
	return nil
}

// shellLine is what one would type to run a task by hand.
func shellLine(t batch.Task) string {
	line := t.Cmd
	if t.Argv != nil {
		words := make([]string, len(t.Argv))
		for i, w := range t.Argv {
			words[i] = shellWord(w)
		}
		line = strings.Join(words, " ")
	}
	if len(t.Env) > 0 {
		words := make([]string, len(t.Env))
		for i, e := range t.Env {
			words[i] = shellWord(e)
		}
		if t.Cmd != "" {
			line = "sh -c " + shellQuote(line)
		}
		line = "env " + strings.Join(words, " ") + " " + line
	}
	if t.Dir != "" {
		line = "cd " + shellWord(t.Dir) + " && " + line
	}
	if len(t.Stdin) > 0 {
		line = "printf %s " + shellQuote(string(t.Stdin)) + " | (" + line + ")"
	}
	return line
}

// plainWord matches what needs no quotes in any shell.
var plainWord = lazily(`^[A-Za-z0-9_@%+:,./-]+$`)

func shellWord(w string) string {
	if plainWord().MatchString(w) {
		return w
	}
	return shellQuote(w)
}
