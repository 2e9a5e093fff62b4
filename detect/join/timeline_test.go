package join

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Any actions, in any number of runs, come out in order.
func TestActionSort(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var s actionSort
	for range 3000 {
		list := make([]action, r.IntN(300))
		due := int64(0)
		for i := range list {
			if due += r.Int64N(4); r.IntN(1+r.IntN(200)) == 0 {
				due = r.Int64N(300)
			}
			list[i] = action{due: due, line: r.Uint64N(5), node: int32(i), phase: phase(r.IntN(3))}
		}
		want := slices.Clone(list)
		got := s.sort(list)
		if !slices.IsSortedFunc(got, compareActions) {
			t.Fatalf("not in order: %v", got)
		}
		byNode := func(a, b action) int { return int(a.node) - int(b.node) }
		got = slices.SortedFunc(slices.Values(got), byNode)
		if !slices.Equal(got, want) {
			t.Fatalf("%v are not the actions that went in: %v", got, want)
		}
	}
}
