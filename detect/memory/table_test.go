package memory

import (
	"math/rand/v2"
	"testing"
)

func TestTableAgainstAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var got Table
	want := map[uint64]int32{}
	for i := range 300_000 {
		// Few different hashes, of which many share their upper bits.
		h := r.Uint64N(8000)
		if h%2 == 0 {
			h <<= 48
		}
		switch r.IntN(3) {
		case 0:
			if _, ok := want[h]; !ok {
				want[h] = int32(i)
				got.Set(h, int32(i))
			}
		case 1:
			delete(want, h)
			got.Delete(h)
		}
		g, ok := got.Get(h)
		w, wantOK := want[h]
		if ok != wantOK || ok && g != w {
			t.Fatalf("step %d, %x: want %d %v, got %d %v", i, h, w, wantOK, g, ok)
		}
		if got.used != len(want) {
			t.Fatalf("step %d: %d entries, want %d", i, got.used, len(want))
		}
	}
	for h, w := range want {
		if g, ok := got.Get(h); !ok || g != w {
			t.Errorf("%x: want %d, got %d %v", h, w, g, ok)
		}
		got.Delete(h)
	}
	if got.used != 0 || len(got.slots) > 1<<12 {
		t.Errorf("%d entries left, %d slots", got.used, len(got.slots))
	}
}
