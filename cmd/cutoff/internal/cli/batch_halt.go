package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/batch"
)

// haltFlag is a flag for the rules that end a batch early:
// "soon,fail=10,timeout=50%".
type haltFlag []batch.Halt

// haltWords are what a rule may count.
func haltWords() map[string][]cutoff.Outcome {
	words := map[string][]cutoff.Outcome{"fail": {cutoff.Failed, cutoff.Crashed, cutoff.NotStarted}}
	for _, o := range outcomes {
		if o := cutoff.Outcome(o); o != cutoff.OK && o != cutoff.Canceled {
			words[string(o)] = []cutoff.Outcome{o}
		}
	}
	for _, o := range cutOffs() {
		words["cutoff"] = append(words["cutoff"], cutoff.Outcome(o))
	}
	return words
}

func (f *haltFlag) String() string { return "" }

func (f *haltFlag) Type() string { return "now|soon,WHAT=N[%]" }

func (f *haltFlag) Set(s string) error {
	when, rules, ok := strings.Cut(s, ",")
	if when != "now" && when != "soon" || !ok {
		return fmt.Errorf("write soon,fail=10 or now,timeout=50%%: whether to wait for what runs, and for what")
	}
	for rule := range strings.SplitSeq(rules, ",") {
		h, err := parseHalt(rule)
		if err != nil {
			return err
		}
		h.Now = when == "now"
		*f = append(*f, h)
	}
	return nil
}

// parseHalt reads one condition: "fail=10", "timeout=50%".
func parseHalt(rule string) (h batch.Halt, err error) {
	what, number, _ := strings.Cut(rule, "=")
	if h.Outcomes = haltWords()[what]; h.Outcomes == nil {
		return h, fmt.Errorf("%s is nothing that can be counted: there are fail, cutoff, failed, crashed, notstarted, %s", quote(what), strings.Join(cutOffs(), ", "))
	}
	if percent, ok := strings.CutSuffix(number, "%"); ok {
		h.Percent, err = strconv.ParseFloat(percent, 64)
		if err != nil || !(h.Percent > 0 && h.Percent <= 100) {
			return h, fmt.Errorf("%s is no share: write one from above 0%% to 100%%", quote(number))
		}
		return h, nil
	}
	h.Count, err = parseCount(number)
	return h, err
}
