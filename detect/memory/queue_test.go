package memory

import (
	"math/rand/v2"
	"testing"
)

// TestQueue holds the queue against a plain list.
func TestQueue(t *testing.T) {
	var q Queue[int]
	var want []int
	r := rand.New(rand.NewPCG(1, 2))
	next := 0
	for range 400 {
		for range r.IntN(700) {
			*q.Push() = next
			want = append(want, next)
			next++
		}
		n := r.IntN(2 * len(want) / 3)
		q.Drop(n)
		want = want[n:]
		n = r.IntN(1 + len(want)/8)
		q.Cut(n)
		want = want[:len(want)-n]
		if q.length != len(want) {
			t.Fatalf("%d values, want %d", q.length, len(want))
		}
		for i, v := range want {
			if *q.At(i) != v {
				t.Fatalf("value %d is %d, want %d", i, *q.At(i), v)
			}
		}
	}
	if blocks := len(q.blocks); blocks > q.length/queueBlock+2 {
		t.Errorf("%d blocks for %d values", blocks, q.length)
	}
}
