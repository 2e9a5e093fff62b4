package decode

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// Lists of one Scratch that grow in any order keep what was put into them.
func TestListsGrowBesideOneAnother(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var mem Scratch
	for range 200 {
		mem.Reset()
		var got, want [5][]string
		for n := range 300 {
			i := r.IntN(len(got))
			if r.IntN(3) > 0 {
				i = 0 // which mostly grows where it is
			}
			v := strconv.Itoa(n)
			got[i] = mem.AppendString(got[i], v)
			want[i] = append(want[i], v)
		}
		for i := range got {
			if !slices.Equal(got[i], want[i]) {
				t.Fatalf("list %d holds %q, want %q", i, got[i], want[i])
			}
		}
	}
}

// A list that nothing else was made beside takes no more than its elements.
func TestListTakesWhatItHolds(t *testing.T) {
	var mem Scratch
	for range 20 {
		var list []string
		for range 3 {
			list = mem.AppendString(list, "a")
		}
	}
	if n := len(mem.strings.chunk); n != 60 {
		t.Errorf("20 lists of 3 take %d, want 60", n)
	}
}
