package doctor

import (
	"errors"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// FindLevels tells which containment levels this user may have here, the
// strongest first, found by trying. The error says that there is none.
func FindLevels() ([]Level, error) {
	var levels []Level
	var found bool
	var errs []error
	for _, i := range proc.Levels() {
		l := Level{Level: string(i.Level), Hint: i.Hint}
		if i.Err != nil {
			l.Reason = i.Err.Error()
			errs = append(errs, i.Err)
		} else {
			l.Available, l.InForce, found = true, !found, true
		}
		levels = append(levels, l)
	}
	if !found {
		return levels, errors.Join(errs...)
	}
	return levels, nil
}
