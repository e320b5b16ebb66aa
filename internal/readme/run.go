package readme

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// defaultLimit bounds the run of one block, and each build.
const defaultLimit = 2 * time.Minute

// A Runner runs blocks as a reader of the document would.
type Runner struct {
	dir     string   // where scripts and programs run
	scratch string   // for the programs that are built
	env     []string // of everything that is run
	limit   time.Duration
}

// NewRunner returns a Runner that works in a copy of checkout, which it makes
// in the directory scratch. If the checkout has the program, it is built and
// put in PATH first.
func NewRunner(ctx context.Context, checkout, scratch string) (*Runner, error) {
	bin := filepath.Join(scratch, "bin")
	r := &Runner{
		dir:     filepath.Join(scratch, "checkout"),
		scratch: scratch,
		env:     append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH")),
		limit:   defaultLimit,
	}
	if err := clone(r.dir, checkout); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(checkout, "cmd", "cutoff")); err != nil {
		return r, nil
	}
	if err := r.succeed(ctx, "go", "build", "-o", bin+string(filepath.Separator), "./cmd/cutoff"); err != nil {
		return nil, err
	}
	return r, nil
}

// Run runs a block and compares what it prints and how it exits with what the
// document says. A skipped block is fine.
func (r *Runner) Run(ctx context.Context, b *Block) error {
	if b.Skip != "" {
		return nil
	}
	commands, err := r.commands(ctx, b)
	if err != nil {
		return err
	}
	var printed strings.Builder
	unmet := b.Exit // the status that is still to come
	for _, argv := range commands {
		out, code, err := r.exec(ctx, argv...)
		printed.WriteString(out)
		switch {
		case err != nil:
			return fmt.Errorf("%q: %w; it printed\n%s", argv, err, out)
		case code == unmet:
			unmet = 0
		case code != 0:
			return fmt.Errorf("%q: exit status %d; it printed\n%s", argv, code, out)
		}
	}
	if unmet != 0 {
		return fmt.Errorf("no command ended with exit status %d; they printed\n%s", unmet, printed.String())
	}
	if b.Output != nil && b.Output.Skip == "" && !b.Output.Matches(printed.String()) {
		return fmt.Errorf("it printed\n%s\nand the document shows\n%s", printed.String(), b.Output.Text)
	}
	return nil
}

// commands returns what is to be run for a block.
func (r *Runner) commands(ctx context.Context, b *Block) ([][]string, error) {
	if b.Kind == "go" {
		program, err := r.build(ctx, b)
		if program == "" || err != nil {
			return nil, err
		}
		return [][]string{{program}}, nil
	}
	var all [][]string
	script := strings.ReplaceAll(b.Text, "\\\n", "")
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, []string{"sh", "-u", "-c", line})
		}
	}
	return all, nil
}

// build compiles a go block and returns the program, or "" if it is none. The
// file stands outside the checkout's modules, so what is internal to them is
// closed to it, as it is to a reader.
func (r *Runner) build(ctx context.Context, b *Block) (program string, err error) {
	dir, err := os.MkdirTemp(r.scratch, "snippet")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(b.Text), 0o600); err != nil {
		return "", err
	}
	if !strings.Contains("\n"+b.Text, "\npackage main\n") {
		return "", r.succeed(ctx, "go", "build", file)
	}
	program = filepath.Join(dir, "program")
	return program, r.succeed(ctx, "go", "build", "-o", program, file)
}

// succeed runs a command that has to.
func (r *Runner) succeed(ctx context.Context, argv ...string) error {
	out, code, err := r.exec(ctx, argv...)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit status %d", code)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return nil
}

// clone copies the files that a reader would get; what begins with a dot at
// the top is git's or a tool's.
func clone(to, from string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir() && rel != "." && !strings.ContainsRune(rel, filepath.Separator) && strings.HasPrefix(rel, "."):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, info.Mode().Perm())
	})
}
