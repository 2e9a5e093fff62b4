package memory

import (
	"math/rand/v2"
	"testing"
)

// TestIndexAgainstAMap uses hashes that meet often, in one half or in both.
func TestIndexAgainstAMap(t *testing.T) {
	type pair struct {
		hash  uint64
		check uint32
	}
	r := rand.New(rand.NewPCG(7, 8))
	var got Index
	want := map[pair]uint32{}
	for i := range 100_000 {
		p := pair{r.Uint64N(2000), r.Uint32N(4)}
		if r.IntN(2) == 0 {
			n := uint32(i + 1)
			want[p] = n
			got.Set(p.hash, p.check, n)
		}
		if n := got.Get(p.hash, p.check); n != want[p] {
			t.Fatalf("step %d, %v: got %d, want %d", i, p, n, want[p])
		}
	}
	if got.used != len(want) {
		t.Errorf("%d entries, want %d", got.used, len(want))
	}
}
