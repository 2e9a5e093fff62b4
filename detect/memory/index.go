package memory

// Index maps what is known by 96 bits of two hashes to a number above 0, in one look at
// memory for most calls. Nothing is ever taken out. Where somebody could choose what is
// hashed, both hashes must be seeded, so that nobody can choose two that meet.
type Index struct {
	slots []indexSlot // a power of two, at most three quarters in use
	used  int
}

type indexSlot struct {
	hash   uint64
	check  uint32
	number uint32 // 0 free
}

// slot gives the slot of a pair of hashes: its own, or the free one that would be.
func (x *Index) slot(hash uint64, check uint32) *indexSlot {
	for i := int(hash) & (len(x.slots) - 1); ; i = (i + 1) & (len(x.slots) - 1) {
		if s := &x.slots[i]; s.number == 0 || s.hash == hash && s.check == check {
			return s
		}
	}
}

// Peek is Get without certainty: it looks at the first slot of a hash only.
func (x *Index) Peek(hash uint64) uint32 {
	if len(x.slots) == 0 {
		return 0
	}
	return x.slots[int(hash)&(len(x.slots)-1)].number
}

// Get gives the number of a pair of hashes; 0 if it has none.
func (x *Index) Get(hash uint64, check uint32) uint32 {
	if len(x.slots) == 0 {
		return 0
	}
	return x.slot(hash, check).number
}

// Set gives a pair of hashes a number above 0, in place of the one it has.
func (x *Index) Set(hash uint64, check, number uint32) {
	if x.used >= len(x.slots)/4*3 {
		old := x.slots
		x.slots = make([]indexSlot, max(64, 2*len(old)))
		for _, s := range old {
			if s.number != 0 {
				*x.slot(s.hash, s.check) = s
			}
		}
	}
	s := x.slot(hash, check)
	if s.number == 0 {
		x.used++
	}
	*s = indexSlot{hash, check, number}
}
