package report

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A group is tasks that ended for one reason.
type group struct {
	title    string // in one line
	detail   string // what stands below it, as a stack
	outcome  string
	n        int64
	wall     time.Duration
	longest  time.Duration
	examples []example
}

// example is one task of a group.
type example struct {
	seq  int64
	run  int
	name string
}

const (
	maxGroups   = 500 // that are told apart while reading
	shownGroups = 20
	maxExamples = 3
	groupTitle  = 200 // bytes
)

// groups counts by reason in bounded memory: reasons that come after the first
// 500 different ones are counted together.
type groups struct {
	byKey map[string]*group
	other group
}

// add counts a task. The key tells groups apart.
func (g *groups) add(a *attempt, title, detail string) {
	if g.byKey == nil {
		g.byKey = map[string]*group{}
	}
	title = ends1(escapeLine(title), groupTitle)
	key := string(a.Outcome) + "\x00" + title
	at := g.byKey[key]
	switch {
	case at != nil:
	case len(g.byKey) == maxGroups:
		at = &g.other
	default:
		at = &group{title: title, detail: detail, outcome: strings.Clone(string(a.Outcome))}
		g.byKey[key] = at
	}
	at.n++
	at.wall += a.Wall
	at.longest = max(at.longest, a.Wall)
	if len(at.examples) < maxExamples {
		at.examples = append(at.examples, example{a.Seq, a.run, ends1(escapeLine(nameOf(&a.Task)), keptName)})
	}
}

// top returns the groups with the most tasks, and the rest as one.
func (g *groups) top() (shown []*group, rest group) {
	rest = g.other
	for _, at := range g.byKey {
		shown = append(shown, at)
	}
	slices.SortFunc(shown, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(b.wall, a.wall), strings.Compare(a.outcome, b.outcome), strings.Compare(a.title, b.title))
	})
	for _, at := range shown[min(len(shown), shownGroups):] {
		rest.n += at.n
		rest.wall += at.wall
		rest.longest = max(rest.longest, at.longest)
	}
	return shown[:min(len(shown), shownGroups)], rest
}
