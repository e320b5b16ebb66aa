package cli

import "github.com/cutoff-run/cutoff/internal/proc"

// levelFlag is a flag for what must hold processes together; its zero value
// means the strongest.
type levelFlag proc.Level

func (l *levelFlag) String() string { return string(*l) }

func (l *levelFlag) Type() string { return "auto|cgroup|pidns|sweep" }

func (l *levelFlag) Set(s string) error {
	level, err := proc.ParseLevel(s)
	*l = levelFlag(level)
	return err
}
