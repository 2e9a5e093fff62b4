package detect

import (
	"math/bits"
	"math/rand/v2"
)

// heads finds the first span of a key, in one look at memory for most keys. Keys are
// never taken out.
type heads struct {
	seed  uint64
	slots []headSlot // a power of two, at most three quarters in use
	used  int
}

type headSlot struct {
	key   factKey
	first uint32 // index of the span+1; 0 free
}

func newHeads() heads { return heads{seed: rand.Uint64(), slots: make([]headSlot, 64)} }

// slot gives the slot of a key: its own, or the free one that would be.
func (h *heads) slot(k factKey) *headSlot {
	for i := h.spread(k); ; i = (i + 1) & (len(h.slots) - 1) {
		if s := &h.slots[i]; s.first == 0 || s.key == k {
			return s
		}
	}
}

func (h *heads) spread(k factKey) int {
	hi, lo := bits.Mul64(h.seed^(uint64(k.a)<<32|uint64(k.b)), 0x9e3779b97f4a7c15)
	hi, lo = bits.Mul64(hi^lo^(uint64(k.c)<<32|uint64(k.d)), 0xc2b2ae3d27d4eb4f)
	hi, lo = bits.Mul64(hi^lo^uint64(k.sort), 0x165667b19e3779f9)
	return int(hi^lo) & (len(h.slots) - 1)
}

// get gives the first span of a key, +1; 0 if it has none.
func (h *heads) get(k factKey) uint32 { return h.slot(k).first }

// set makes a span, +1, the first of a key.
func (h *heads) set(k factKey, first uint32) {
	s := h.slot(k)
	if s.first != 0 {
		s.first = first
		return
	}
	*s = headSlot{k, first}
	if h.used++; h.used > len(h.slots)/4*3 {
		old := h.slots
		h.slots = make([]headSlot, 2*len(old))
		for _, s := range old {
			if s.first != 0 {
				*h.slot(s.key) = s
			}
		}
	}
}
