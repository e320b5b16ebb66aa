package proc

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Level names the means that holds a tree together.
type Level string

// The levels, strongest first. Which can be had depends on the operating
// system and on what the machine grants.
const (
	Cgroup Level = "cgroup" // Linux: a cgroup v2 of its own for each tree
	PIDNS  Level = "pidns"  // Linux: a PID namespace of its own for each tree
	Sweep  Level = "sweep"  // Linux: child subreaper, process group and a sweep of /proc
	Job    Level = "job"    // Windows: a job object for each tree
	Group  Level = "group"  // other Unix: a process group; what leaves it is lost
)

// containmentVar forces a level where Spec.Level does not; empty or "auto"
// means the strongest that can be had.
const containmentVar = "CUTOFF_CONTAINMENT"

// LevelInfo says whether a level can be had.
type LevelInfo struct {
	Level Level
	// Err is why it cannot be had; nil if it can.
	Err error
	// Hint says in plain words what the user, or who runs the machine, could
	// switch on to get it. Empty if it is there, or if nothing would help.
	Hint string
}

// Levels tells of every level that this system knows, the strongest first, and
// whether it can be had in this program here and now, found by trying.
func Levels() []LevelInfo {
	var infos []LevelInfo
	for _, l := range known {
		i := LevelInfo{Level: l, Err: available(l)}
		if i.Err != nil {
			i.Hint = hint(l)
		}
		infos = append(infos, i)
	}
	return infos
}

// ParseLevel reads a level as people write it. "" and "auto" give "", which
// means the strongest. A level that exists on another system only is known
// too: to have it there is the affair of Find and Start.
func ParseLevel(s string) (Level, error) {
	switch l := Level(s); l {
	case "", "auto":
		return "", nil
	case Cgroup, PIDNS, Sweep, Job, Group:
		return l, nil
	}
	return "", fmt.Errorf("unknown containment %q: use auto, %s", s, choices())
}

// choices lists this system's levels for people.
func choices() string {
	var names []string
	for _, l := range known {
		names = append(names, string(l))
	}
	return strings.Join(names, ", ")
}

// Find returns the level that a tree gets which asks for want; "" asks for
// what the environment says, and that for the strongest. The error says why
// it cannot be had.
func Find(want Level) (Level, error) {
	l, err := wanted(want)
	if err != nil {
		return l, err
	}
	if l != "" {
		if err := available(l); err != nil {
			return l, refused{l, err}
		}
		return l, nil
	}
	for _, l := range known {
		if available(l) == nil {
			return l, nil
		}
	}
	return "", errors.New("no containment can be had") // the last level always can
}

// Containment returns the level of trees that ask for none, or the one that
// the environment forces although it cannot be had. It is found once, by
// trying.
func Containment() Level {
	l, _ := Find("")
	return l
}

// wanted adds what the environment says to what was asked for.
func wanted(l Level) (Level, error) {
	if l != "" {
		return l, nil
	}
	env := os.Getenv(containmentVar)
	l, err := ParseLevel(env)
	if err != nil {
		return Level(env), fmt.Errorf("%s: %w", containmentVar, err)
	}
	return l, nil
}

// refused says why a level that was asked for cannot be had.
type refused struct {
	level Level
	err   error
}

func (e refused) Error() string {
	return fmt.Sprintf("containment %q cannot be had: %v", e.level, e.err)
}
func (e refused) Unwrap() error { return e.err }

// Refused reports whether a start failed because the level that was asked for
// cannot be had. The command has no part in that.
func Refused(err error) bool { return errors.As(err, new(refused)) }
