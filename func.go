package cutoff

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/cutoff-run/cutoff/internal/codec"
	"github.com/cutoff-run/cutoff/internal/wire"
	"github.com/cutoff-run/cutoff/internal/worker"
)

// Func is a registered function: it can be called in a worker process. Get one
// from [Register].
type Func[In, Out any] struct {
	f *function
}

// function is what the engine knows of a Func: no type parameters from here on.
type function struct {
	name string
	out  reflect.Type
	run  worker.Function
}

// registry holds what the program registered before Init. It is written by
// package initialization and main, and read-only afterwards.
var registry = struct {
	sync.Mutex
	functions map[string]*function
	sentinels []sentinel
	byName    map[string]error
	closed    bool // Init has run
	worker    bool // and has made this process a worker
}{functions: map[string]*function{}, byName: map[string]error{}}

// maxName is the length of the longest name, in bytes.
const maxName = 255

// Register makes fn callable in a worker process under name. Call it from a
// package-level variable:
//
//	var parse = cutoff.Register("parse", func(ctx context.Context, in []byte) (Doc, error) { … })
//
// In and Out may be any types that encode as CBOR: numbers, strings, slices,
// maps, pointers, structs with exported fields, time.Time, types with their
// own encoding.BinaryMarshaler. Unexported fields do not travel. []byte and
// string travel as they are; an empty []byte and a nil one are the same. The
// encoding of a value may be as large as 1 GiB less 1 KiB.
//
// The context that fn gets is canceled when the call is asked to stop (see
// Limits.Grace) and tells the deadline of Limits.Timeout. A function that
// ignores it is stopped all the same.
//
// Register panics if the name is empty, taken or longer than 255 bytes, if fn
// is nil, or if Init has run already: each is a mistake in the program, not a
// condition.
func Register[In, Out any](name string, fn func(ctx context.Context, in In) (Out, error)) *Func[In, Out] {
	if fn == nil {
		panic(fmt.Sprintf("cutoff: Register(%q): the function is nil", name))
	}
	f := &function{name: name, out: reflect.TypeFor[Out]()}
	f.run = func(ctx context.Context, b []byte) ([]byte, error) {
		var in In
		if err := codec.Decode(b, &in); err != nil {
			return nil, &worker.ConvertError{Direction: "input", Type: reflect.TypeFor[In]().String(), Err: err}
		}
		out, err := fn(context.WithValue(ctx, functionKey{}, f), in)
		if err != nil {
			return nil, err
		}
		b, err = encode(out)
		if err != nil {
			return nil, &worker.ConvertError{Direction: "result", Type: f.out.String(), Err: err}
		}
		return b, nil
	}
	add(f)
	return &Func[In, Out]{f}
}

// encode encodes a value that is to travel.
func encode[T any](v T) ([]byte, error) {
	b, err := codec.Encode(v)
	if err == nil && len(b) > wire.MaxValue {
		return nil, wire.ErrTooLarge
	}
	return b, err
}

func add(f *function) {
	registry.Lock()
	defer registry.Unlock()
	switch {
	case f.name == "" || len(f.name) > maxName:
		panic(fmt.Sprintf("cutoff: Register(%q): a name has 1 to %d bytes", f.name, maxName))
	case registry.closed:
		panic(fmt.Sprintf("cutoff: Register(%q) after Init: the worker processes would not know the function; register it in a package-level variable", f.name))
	case registry.functions[f.name] != nil:
		panic(fmt.Sprintf("cutoff: Register(%q): the name is taken by another function", f.name))
	}
	registry.functions[f.name] = f
}

// Name returns the name that the function was registered under.
func (f *Func[In, Out]) Name() string { return f.f.name }

type sentinel struct {
	name string
	err  error
}

// RegisterError lets errors.Is and errors.As find err in the error of a call:
// if the function's error matches err in the worker, the *FuncError that
// arrives matches it in the caller. Use it like this:
//
//	var ErrEmpty = cutoff.RegisterError("parse.ErrEmpty", errors.New("empty input"))
//
// The common errors of context, io, io/fs and os are registered already.
// RegisterError panics if the name is empty or taken, if err is nil, or if Init
// has run already.
func RegisterError[E error](name string, err E) E {
	registry.Lock()
	defer registry.Unlock()
	switch {
	case name == "" || any(err) == nil:
		panic(fmt.Sprintf("cutoff: RegisterError(%q, %v): it takes a name and an error", name, any(err)))
	case registry.closed:
		panic(fmt.Sprintf("cutoff: RegisterError(%q) after Init: register it in a package-level variable", name))
	case registry.byName[name] != nil:
		panic(fmt.Sprintf("cutoff: RegisterError(%q): the name is taken by another error", name))
	}
	registry.byName[name] = err
	registry.sentinels = append(registry.sentinels, sentinel{name, err})
	return err
}

// matching names the registered errors that an error with this chain matches,
// by the rules of errors.Is.
func matching(chain []error) []string {
	var names []string
	for _, s := range registry.sentinels {
		if slices.ContainsFunc(chain, func(err error) bool { return is(err, s.err) }) {
			names = append(names, s.name)
		}
	}
	return names
}

// is compares two errors without what they wrap.
func is(err, target error) bool {
	if reflect.TypeOf(target).Comparable() && err == target {
		return true
	}
	x, ok := err.(interface{ Is(error) bool })
	return ok && x.Is(target)
}
