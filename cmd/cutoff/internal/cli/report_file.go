package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cutoff-run/cutoff/journal"
)

// openJournal opens a journal so that it can be read more than once: one that
// comes through a pipe is copied to a temporary file first.
func openJournal(path string, stdin io.Reader) (io.ReadSeekCloser, error) {
	if path != "-" {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: there is no such file; a journal is what 'cutoff batch --journal FILE' writes", path)
		}
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return bounded{io.NewSectionReader(f, 0, info.Size()), f}, nil
		}
		defer f.Close()
		stdin = f
	}
	return spool(stdin)
}

// bounded is a file as long as it was when it was opened: a batch may still be
// writing, and who reads twice shall read the same.
type bounded struct {
	*io.SectionReader
	io.Closer
}

// spooled is a temporary file that goes with its Close, and before it with the
// process where a file may lose its name while it is open.
type spooled struct {
	*os.File
	named bool
}

func spool(r io.Reader) (io.ReadSeekCloser, error) {
	f, err := os.CreateTemp("", "cutoff-journal-")
	if err != nil {
		return nil, err
	}
	s := spooled{f, os.Remove(f.Name()) != nil}
	if _, err := io.Copy(f, r); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("copy the journal to a temporary file: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// reportError is the error of a command that read the journal at path, nil if
// it went well.
func reportError(ctx context.Context, path string, err error) error {
	switch {
	case ctx.Err() != nil:
		return exitError{exitInterrupted, nil}
	case errors.Is(err, journal.ErrNotJournal):
		return fmt.Errorf("%s: %w; a journal is what 'cutoff batch --journal FILE' writes", path, err)
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// tellBadLines says how many lines of the journal at path are no records.
func tellBadLines(w io.Writer, path string, n int, first error) {
	if n > 0 {
		fmt.Fprintf(w, "cutoff: %s: lines that are no records, skipped: %d; the first: %v\n", path, n, first)
	}
}

func (s spooled) Close() error {
	err := s.File.Close()
	if s.named {
		err = errors.Join(err, os.Remove(s.Name()))
	}
	return err
}

// cancelable ends reading when ctx does.
type cancelable struct {
	io.ReadSeeker
	ctx context.Context
}

func (r cancelable) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReadSeeker.Read(p)
}

// writeTo writes through a buffer.
func writeTo(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// writeFile writes beside path and then moves the file there, so that path has
// the whole report or what it had before, whatever fails. What is no regular
// file (a pipe, /dev/stdout) is written to as it is.
func writeFile(path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays
	}
	old, statErr := os.Stat(path)
	if statErr == nil && !old.Mode().IsRegular() {
		return writeInto(path, write)
	}
	f, err := createBeside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := writeTo(f, write); err != nil {
		return err
	}
	if statErr == nil {
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	// A full disk may only say so here.
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func writeInto(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(writeTo(f, write), f.Close())
}

// createBeside makes a file of a free name in path's directory, with the
// permissions of any new file (os.CreateTemp makes private ones).
func createBeside(path string) (*os.File, error) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s.%d-%d.part", path, os.Getpid(), i)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) && i < 1000 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, errors.Unwrap(err))
		}
		return f, nil
	}
}
