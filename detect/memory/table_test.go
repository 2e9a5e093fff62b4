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
	for i := range got.buckets {
		if b := &got.buckets[i]; b.beyond != 0 || b.place != [bucketSize]int32{} {
			t.Fatalf("bucket %d of an empty table: %+v", i, b)
		}
	}
	if got.used != 0 || len(got.buckets) > 1<<10 {
		t.Errorf("%d entries left, %d buckets", got.used, len(got.buckets))
	}
}

// A table in which every bucket was passed by ends the search for what is not there.
func TestTableWhereEveryBucketWasFull(t *testing.T) {
	var table Table
	table.resize(16)
	for i := range table.buckets {
		table.buckets[i].beyond = 1
	}
	table.used = 1
	if _, ok := table.Get(7); ok {
		t.Error("found what is not there")
	}
	table.Delete(7)
}
