package cutoff

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"runtime"

	"github.com/cutoff-run/cutoff/internal/worker"
)

// Init turns the process into a worker if a pool started it as one, and then
// never returns. In every other process it returns at once. Call it as the
// first statement of main, and of TestMain in tests that use a pool: what
// stands before it runs in every worker too.
func Init() {
	registry.Lock()
	registry.closed, registry.worker = true, isWorker()
	registry.Unlock()
	worker.Serve(worker.Program{
		Fingerprint: fingerprint(),
		Lookup: func(name string) (worker.Function, bool) {
			f := registry.functions[name]
			if f == nil {
				return nil, false
			}
			return f.run, true
		},
		Sentinels: matching,
	})
}

// mayBuildPool says why this process cannot have a pool, or nil.
func mayBuildPool() error {
	registry.Lock()
	defer registry.Unlock()
	switch {
	case registry.worker:
		return errors.New("cutoff: NewPool in a worker process: a function that runs in a worker builds no pool, or workers could start workers without end; build the pool in main")
	case isWorker():
		return fmt.Errorf("%w (this process was started as a worker; a worker builds no pool)", ErrNoInit)
	case !registry.closed:
		return fmt.Errorf("%w (this program has built a pool without it)", ErrNoInit)
	}
	return nil
}

// isWorker reports whether this process was started as a worker and has not
// come to be one yet: main has not called Init, or not so far.
func isWorker() bool {
	_, ok := os.LookupEnv(worker.EnvVar)
	return ok
}

// fingerprint tells this build of the program from another: by the size and
// time of its file and by where the linker put some functions.
func fingerprint() []byte {
	var b []byte
	if fi, err := os.Stat(executable()); err == nil {
		b = binary.LittleEndian.AppendUint64(b, uint64(fi.Size()))
		b = binary.LittleEndian.AppendUint64(b, uint64(fi.ModTime().UnixNano()))
	}
	base := reflect.ValueOf(Init).Pointer()
	for _, f := range []any{runtime.GC, os.Exit, worker.Serve} {
		b = binary.LittleEndian.AppendUint64(b, uint64(reflect.ValueOf(f).Pointer()-base))
	}
	return append(b, runtime.Version()...)
}

// The errors that functions return most often, registered for every program.
var _ = func() (none struct{}) {
	for _, s := range []sentinel{
		{"context.Canceled", context.Canceled},
		{"context.DeadlineExceeded", context.DeadlineExceeded},
		{"io.EOF", io.EOF},
		{"io.ErrUnexpectedEOF", io.ErrUnexpectedEOF},
		{"fs.ErrExist", fs.ErrExist},
		{"fs.ErrNotExist", fs.ErrNotExist},
		{"fs.ErrPermission", fs.ErrPermission},
		{"fs.ErrInvalid", fs.ErrInvalid},
		{"fs.ErrClosed", fs.ErrClosed},
		{"os.ErrDeadlineExceeded", os.ErrDeadlineExceeded},
	} {
		_ = RegisterError(s.name, s.err)
	}
	return
}()
