//go:build unix

package cli

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// maxName is the length of the longest file name.
const maxName = 255

// defaultPath is searched if there is no PATH at all.
const defaultPath = "/bin:/usr/bin"

// startCommand starts spec.Args as execvp would: a name without a slash is
// searched for in PATH, past what may not be executed; a file that is no
// program is given to the shell, as scripts without their first line are.
func startCommand(spec proc.Spec) (*proc.Tree, error) {
	name := spec.Args[0]
	if name == "" {
		return nil, syscall.ENOENT
	}
	if strings.Contains(name, "/") {
		return startFile(spec, name)
	}
	path, ok := os.LookupEnv("PATH")
	if !ok {
		path = defaultPath
	}
	if len(name) > maxName {
		return nil, syscall.ENAMETOOLONG
	}
	var denied error
	for _, dir := range strings.Split(path, ":") {
		if dir == "" {
			dir = "."
		}
		file := dir + "/" + name
		tree, err := startFile(spec, file)
		switch {
		case proc.Refused(err):
			return nil, err
		case errors.Is(err, syscall.EACCES):
			denied = err
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ESTALE),
			errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ETIMEDOUT): // not there, or not to be had
		default:
			return tree, err
		}
	}
	if denied != nil {
		return nil, denied
	}
	return nil, syscall.ENOENT
}

func startFile(spec proc.Spec, file string) (*proc.Tree, error) {
	// A look first: to fail at the start itself costs a process each time.
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	spec.Path = file
	tree, err := proc.Start(spec)
	if errors.Is(err, syscall.ENOEXEC) {
		spec.Path = "/bin/sh"
		spec.Args = append([]string{"/bin/sh", file}, spec.Args[1:]...)
		return proc.Start(spec)
	}
	return tree, err
}

// runFailure is what to say of a command that could not be started, and the
// exit status. Errors of our own, as of the containment, are told apart: they
// are no fault of the command's.
func runFailure(err error) (text string, code int) {
	var errno syscall.Errno
	if !errors.As(err, &errno) || proc.Refused(err) {
		return err.Error(), exitOurs
	}
	switch errno { // of the start, not of the execution
	case syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE:
		return "cannot start a process: " + errno.Error(), exitOurs
	}
	text = errno.Error()
	text = strings.ToUpper(text[:1]) + text[1:] // as the C library has it
	if errno == syscall.ENOENT {
		return text, exitNotFound
	}
	return text, exitCannotRun
}
