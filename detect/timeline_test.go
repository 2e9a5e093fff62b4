package detect

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTimelineAgainstASort(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		line := newTimeline()
		var waiting []action
		until := int64(0)
		wide := []int64{1e6, 1e9, 100e9}[r.IntN(3)]
		for range 400 {
			a := action{due: until + r.Int64N(wide) - wide/8, line: r.Uint64N(5), node: int32(len(waiting)), phase: phase(r.IntN(3))}
			line.add(a)
			waiting = append(waiting, a)
			if r.IntN(3) > 0 {
				continue
			}
			if r.IntN(4) == 0 {
				until = line.first() + 1 // a full Detector goes ahead of the clock
			} else {
				until += r.Int64N(wide / 4)
			}
			for {
				got, ok := line.take(until)
				least := slices.MinFunc(append(waiting, action{due: forever}), compareActions)
				if ok != (least.due < until) || ok && compareActions(got, least) != 0 {
					t.Fatalf("seed %d until %d: got %+v %v, the first of those waiting is %+v", seed, until, got, ok, least)
				}
				if !ok {
					break
				}
				waiting = slices.DeleteFunc(waiting, func(a action) bool { return a == got })
			}
			if line.length != len(waiting) {
				t.Fatalf("seed %d: %d are said to wait, want %d", seed, line.length, len(waiting))
			}
		}
	}
}
