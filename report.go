package cutoff

import (
	"context"
	"fmt"
	"reflect"

	"github.com/cutoff-run/cutoff/internal/worker"
)

type functionKey struct{}

// Report hands over the best result so far. If the call is cut off or
// canceled, its caller gets the last one reported together with the error.
// best must be of the function's result type. Report is a sign of life as
// well, see [Beat]. Each report is sent at once: a kill loses none that
// Report has returned from.
//
// The error says that best is of another type or cannot be encoded. Outside
// of a call in a worker, Report does nothing.
func Report[Out any](ctx context.Context, best Out) error {
	c := worker.FromContext(ctx)
	if c == nil {
		return nil
	}
	f := ctx.Value(functionKey{}).(*function)
	if t := reflect.TypeFor[Out](); t != f.out {
		return fmt.Errorf("cutoff: Report of type %v in function %q, whose result is of type %v", t, f.name, f.out)
	}
	b, err := encode(best)
	if err != nil {
		return &EncodeError{Func: f.name, Direction: "report", Type: f.out.String(), Err: err}
	}
	c.Report(b)
	return nil
}

// Beat is a sign of life: it resets the clock of Limits.Idle. progress is
// passed on to PoolOptions.OnEvent; by convention it goes from 0 to 1. Outside
// of a call in a worker, Beat does nothing.
func Beat(ctx context.Context, progress float64) {
	if c := worker.FromContext(ctx); c != nil {
		c.Beat(progress)
	}
}
