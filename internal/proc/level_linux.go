package proc

import (
	"fmt"
	"sync"
)

// containment is what this program found out about the machine, once.
type containment struct {
	cgroups *cgroupParent // nil: the sweep level
	forced  bool          // the level was asked for: no falling back
	err     error         // the level that was asked for cannot be had
}

var inForce = sync.OnceValue(detect)

func levelInForce() Level {
	c := inForce()
	if c.err != nil {
		return forcedLevel()
	}
	if c.cgroups != nil {
		return Cgroup
	}
	return Sweep
}

// detect tries the levels from the strongest down.
func detect() *containment {
	forced := forcedLevel()
	c := &containment{forced: forced != ""}
	switch forced {
	case Sweep:
		return c
	case Cgroup, "":
		parent, err := openCgroups()
		c.cgroups = parent
		if err != nil && c.forced {
			c.err = fmt.Errorf("containment %q cannot be had: %w", forced, err)
		}
	default:
		c.err = fmt.Errorf("%s: unknown containment %q", containmentVar, forced)
	}
	return c
}

// start starts a tree at the strongest level that can be had for it.
func (c *containment) start(s Spec) (*Tree, error) {
	if c.err != nil {
		return nil, c.err
	}
	_ = keeper.ensure(c) // KeeperError tells
	if s.LastSignal != 0 {
		_ = keeper.lenient()
	}
	if c.cgroups != nil {
		t, err := c.cgroups.start(s)
		if err == nil || !isNoCgroup(err) || c.forced {
			return t, err
		}
	}
	_ = keeper.sweptToo()
	return startSwept(s)
}
