package report

import "html/template"

// groupsView is a table of reasons.
type groupsView struct {
	ID, Short, Title, What string
	Rows                   []groupRow
	Rest                   string
}

type groupRow struct {
	Count, Reason, Detail string
	Time, Longest         string
	Chip                  chip
	Link                  template.URL
	Examples              []exampleView
}

type exampleView struct {
	Name string
	Link template.URL
}

func (d *detail) groupViews() (out []groupsView) {
	cutOffs := groupsView{ID: "cutoffs", Short: "Cut off", Title: "Cut off, by reason", What: "reason"}
	if d.stuck {
		cutOffs.Title, cutOffs.What = "Cut off, by where they were stuck", "where"
	}
	for _, g := range []struct {
		groups *groups
		view   groupsView
	}{
		{&d.cutOff, cutOffs},
		{&d.failed, groupsView{ID: "failures", Short: "Failures", Title: "Failures, by reason", What: "reason"}},
	} {
		shown, rest := g.groups.top()
		if len(shown) == 0 {
			continue
		}
		for _, at := range shown {
			g.view.Rows = append(g.view.Rows, at.view())
		}
		if rest.n > 0 {
			g.view.Rest = thousands(rest.n)
		}
		out = append(out, g.view)
	}
	return out
}

func (g *group) view() groupRow {
	row := groupRow{
		Count: thousands(g.n), Reason: g.title, Detail: g.detail, Time: shortDuration(g.wall), Longest: shortDuration(g.longest),
		Chip: chipOf(g.kind), Link: reasonLink(g),
	}
	for _, e := range g.examples {
		row.Examples = append(row.Examples, exampleView{e.name, taskLink(e)})
	}
	return row
}

// slowRow is one of the slowest.
type slowRow struct {
	Wall, Name, Command string
	Whole               bool
	Chip                chip
	Link                template.URL
}

func (d *detail) slowRows() (out []slowRow) {
	for _, k := range d.slow.items {
		out = append(out, slowRow{Wall: shortDuration(k.wall), Name: k.name, Command: k.command, Whole: k.whole, Chip: chipOf(k.outcome), Link: taskLink(k)})
	}
	return out
}
