package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff"
)

// A group is tasks that ended for one reason.
type group struct {
	title    string // in one line
	detail   string // what stands below it, as a stack
	kind     cutoff.Outcome
	n        int64
	wall     time.Duration
	longest  time.Duration
	examples []*kept
}

const (
	maxGroups   = 500 // that are told apart while reading
	shownGroups = 20
	maxExamples = 3
	groupTitle  = 200  // bytes
	groupDetail = 4000 // bytes
)

// groups counts by reason in bounded memory: reasons that come after the first
// 500 different ones are counted together.
type groups struct {
	byKey map[string]*group
	other group
}

// add counts a task; item is called if it becomes an example.
func (g *groups) add(a *attempt, title, detail string, item func() *kept) {
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
		at = &group{title: title, detail: escapeLines(ends(detail, groupDetail)), kind: cutoff.Outcome(strings.Clone(string(a.Outcome)))}
		g.byKey[key] = at
	}
	at.n++
	at.wall += a.Wall
	at.longest = max(at.longest, a.Wall)
	if len(at.examples) < maxExamples {
		at.examples = append(at.examples, item())
	}
}

// top returns the groups with the most tasks, and the rest as one.
func (g *groups) top() (shown []*group, rest group) {
	rest = g.other
	for _, at := range g.byKey {
		shown = append(shown, at)
	}
	slices.SortFunc(shown, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(b.wall, a.wall), cmp.Compare(a.kind, b.kind), strings.Compare(a.title, b.title))
	})
	for _, at := range shown[min(len(shown), shownGroups):] {
		rest.n += at.n
		rest.wall += at.wall
		rest.longest = max(rest.longest, at.longest)
	}
	return shown[:min(len(shown), shownGroups)], rest
}
