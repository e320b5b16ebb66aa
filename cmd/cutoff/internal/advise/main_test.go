package advise

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/cutoff-run/cutoff"
	"github.com/cutoff-run/cutoff/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

const sec = time.Second

// sample is an attempt as the journal has it.
type sample struct {
	outcome     cutoff.Outcome
	wall, limit time.Duration
}

func samplesOf(list []sample) *samples {
	s := newSamples()
	for _, x := range list {
		s.add(x.outcome, x.wall, x.limit)
	}
	return s
}

// under returns what becomes of an attempt that would end at wall, under a
// limit.
func under(o cutoff.Outcome, wall, limit time.Duration) sample {
	if limit > 0 && wall > limit {
		return sample{cutoff.Timeout, limit + time.Millisecond/2, limit}
	}
	return sample{o, wall, limit}
}

// draw makes n attempts with results under a limit.
func draw(n int, limit time.Duration, seconds func(*rand.Rand) float64) []sample {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	list := make([]sample, n)
	for i := range list {
		list[i] = under(cutoff.OK, time.Duration(seconds(r)*float64(sec)), limit)
	}
	return list
}

func exponential(r *rand.Rand) float64 { return r.ExpFloat64() }
func lognormal(r *rand.Rand) float64   { return math.Exp(1.5*r.NormFloat64() - 2) }

// bimodal is of a batch with hopeless tasks: most take a tenth of a second at
// most, and one in ten would take an hour.
func bimodal(r *rand.Rand) float64 {
	if r.IntN(10) == 0 {
		return 3600
	}
	return 0.1 * r.Float64()
}

// recorded reads the durations of a real run of an example.
func recorded(t testing.TB, name string) []sample {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []sample
	lines := bufio.NewScanner(f)
	lines.Scan() // says what it is
	for lines.Scan() {
		var micros int64
		x := sample{limit: sec / 2}
		if _, err := fmt.Sscan(lines.Text(), &x.outcome, &micros); err != nil {
			t.Fatal(err)
		}
		x.wall = time.Duration(micros) * time.Microsecond
		list = append(list, x)
	}
	if len(list) < 1000 {
		t.Fatalf("%s has %d lines", name, len(list))
	}
	return list
}

// near fails if got is further than tolerance from want.
func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.5f, want %.5f", what, got, want)
	}
}
