package advise

import (
	"strings"
	"testing"
	"time"
)

// Two runs of a batch: limits of the header and of a task, a retry, a task that
// could not be run, one that was given up, one without an end, a torn line.
const twoRuns = `{"type":"header","format":"cutoff-journal","major":1,"limits":{"timeout_ns":2000000000}}
{"type":"started","seq":1,"identity":"a","occurrence":1,"attempt":1}
{"type":"ended","seq":1,"identity":"a","occurrence":1,"outcome":"failed","attempt":1,"wall_ns":1000000000,"retry":true}
{"type":"started","seq":2,"identity":"b","occurrence":1,"attempt":1,"limits":{"timeout_ns":5000000000}}
{"type":"ended","seq":2,"identity":"b","occurrence":1,"outcome":"ok","attempt":1,"wall_ns":4000000000,"limits":{"timeout_ns":5000000000}}
{"type":"started","seq":3,"identity":"c","occurrence":1,"attempt":1}
{"type":"ended","seq":4,"identity":"d","occurrence":1,"outcome":"notstarted","wall_ns":0}
{"type":"header","format":"cutoff-journal","major":1,"limits":{"timeout_ns":1000000000}}
{"type":"started","seq":1,"identity":"a","occurrence":1,"attempt":2}
{"type":"ended","seq":1,"identity":"a","occurrence":1,"outcome":"ok","attempt":2,"wall_ns":500000000}
{"type":"started","seq":3,"identity":"c","occurrence":1,"attempt":2}
{"type":"ended","seq":3,"identity":"c","occurrence":1,"outcome":"timeout","attempt":2,"wall_ns":1001000000}
{"type":"started","seq":5,"identity":"e","occurrence":1,"attempt":1}
{"type":"ended","seq":5,"identity":"e","occurrence":1,"outcome":"failed","wall_ns":0,"error":"no such file"}
{"type":"ended","seq":6`

func TestEveryAttemptCountsOnce(t *testing.T) {
	s, err := readSamples(strings.NewReader(twoRuns))
	if err != nil {
		t.Fatal(err)
	}
	if want := (counts{results: 2, without: 1, censored: 1}); s.total != want {
		t.Errorf("%+v, want %+v", s.total, want)
	}
	if s.unmeasured != 1 || s.badLines != 1 || s.limit != 5*sec || s.lowest != sec || s.unlimited {
		t.Errorf("unmeasured %d, bad lines %d, limits %v to %v, unlimited %v", s.unmeasured, s.badLines, s.lowest, s.limit, s.unlimited)
	}
	if c := s.at[1001*time.Millisecond]; c.censored != 1 {
		t.Errorf("%v", s.at)
	}
	if s.horizon() != 4*sec {
		t.Errorf("horizon %v", s.horizon())
	}
}
