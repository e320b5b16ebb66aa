// Bestsofar looks for a short round trip through 200 places, which nobody can
// do to the end. The search improves its tour for as long as it may run and
// reports each that is better; at the cutoff the best of them comes back
// together with the error.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cutoff-run/cutoff"
)

// Tour is a round trip and its length, of places in a square of side 1.
type Tour struct {
	Places []Place
	Length float64
}

// Place is a point in the square.
type Place struct{ X, Y float64 }

var shorten = cutoff.Register("shorten", func(ctx context.Context, t Tour) (Tour, error) {
	for {
		i, j := rand.IntN(len(t.Places)), rand.IntN(len(t.Places))
		other := slices.Clone(t.Places)
		slices.Reverse(other[min(i, j) : max(i, j)+1])
		if l := length(other); l < t.Length {
			t = Tour{other, l}
			if err := cutoff.Report(ctx, t); err != nil {
				return t, err
			}
		}
	}
})

func length(places []Place) float64 {
	sum, last := 0.0, places[len(places)-1]
	for _, p := range places {
		sum += math.Hypot(p.X-last.X, p.Y-last.Y)
		last = p
	}
	return sum
}

func main() {
	cutoff.Init()
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	rng := rand.New(rand.NewPCG(1, 2))
	t := Tour{Places: make([]Place, 200)}
	for i := range t.Places {
		t.Places[i] = Place{rng.Float64(), rng.Float64()}
	}
	t.Length = length(t.Places)
	fmt.Printf("at random: a tour of %.1f\n", t.Length)
	for _, limit := range []time.Duration{100 * time.Millisecond, time.Second} {
		best, err := shorten.Call(context.Background(), pool.With(cutoff.Limits{Timeout: limit}), t)
		if !errors.Is(err, cutoff.ErrTimeout) {
			fmt.Println("it does not end of itself, and yet:", err)
			return
		}
		fmt.Printf("within %v: a tour of %.1f\n", limit, best.Length)
	}
}
