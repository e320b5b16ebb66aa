package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
)

// listBudget bounds the rows in the page, in bytes, so that the page stays
// small whatever tasks are called: an escaped text may be six times as long.
const listBudget = 1_300_000

// listFields are those of a row, in the order in which listRow writes them.
var listFields = []string{
	"run", "seq", "name", "outcome", "attempt", "retry", "slot", "begin", "wall", "limit", "cpu", "rss", "over", "stalled", "leaked", "exit",
	"signal", "held", "reason", "stuck", "command", "whole", "output", "stack",
}

func listRow(k *kept) []any {
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return []any{
		k.run, k.seq, k.name, outcomeKey(k), k.attempt, flag(k.retry), k.slot, k.begin, k.wall, k.limit, k.cpu, k.maxRSS, k.overrun, k.stalled, k.leaked, k.exit,
		k.signal, k.bySystem, k.reason, k.stuck, k.command, flag(k.whole), k.output, k.stack,
	}
}

// outcomeKey is the word for an outcome in the page's data and address.
func outcomeKey(k *kept) string {
	if k.class == classNoEnd {
		return "unfinished"
	}
	return ends1(escapeLine(string(k.outcome)), 40)
}

// outcomeView is how the list shows an outcome.
type outcomeView struct {
	Name  string `json:"name"`
	Mark  string `json:"mark"`
	Class string `json:"class"`
}

// listed returns the attempts in the page's list, each once, and how many
// there are in all. What other parts of the page refer to is among them, and
// comes first.
func (d *detail) listed() (rows []*kept, total int64) {
	refs := slices.Clone(d.slow.items)
	for _, g := range []*groups{&d.cutOff, &d.failed} {
		shown, _ := g.top()
		for _, at := range shown {
			refs = append(refs, at.examples...)
		}
	}
	sample, total := d.shown()
	type id struct {
		run, attempt int
		seq          int64
	}
	seen := map[id]bool{}
	for _, k := range append(refs, sample...) {
		if at := (id{k.run, k.attempt, k.seq}); !seen[at] {
			seen[at] = true
			rows = append(rows, k)
		}
	}
	return rows, total
}

// listData returns the data of the list, and how many rows are in it.
func listData(rows []*kept) ([]byte, int, error) {
	size, fits := 0, 0
	lines := make([]json.RawMessage, 0, len(rows))
	for _, k := range rows {
		line, err := json.Marshal(listRow(k)) // escapes what would end the script element
		if err != nil {
			return nil, 0, err
		}
		if size += len(line) + 1; size > listBudget {
			break
		}
		lines = append(lines, line)
		fits++
	}
	order := make([]int, fits)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := rows[a], rows[b]
		return cmp.Or(cmp.Compare(x.run, y.run), cmp.Compare(x.seq, y.seq), cmp.Compare(x.attempt, y.attempt))
	})
	var doc struct {
		Fields   []string               `json:"fields"`
		Outcomes map[string]outcomeView `json:"outcomes"`
		Rows     []json.RawMessage      `json:"rows"`
	}
	doc.Fields, doc.Outcomes = listFields, map[string]outcomeView{}
	for _, i := range order {
		doc.Rows = append(doc.Rows, lines[i])
		c := chipOf(rows[i].outcome)
		doc.Outcomes[outcomeKey(rows[i])] = outcomeView{c.Name, c.Mark, c.Class}
	}
	var b bytes.Buffer
	err := json.NewEncoder(&b).Encode(doc)
	return b.Bytes(), fits, err
}
