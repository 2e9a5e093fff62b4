package detect

import "hash/maphash"

// rows finds the first span of what is said of the owners of one row, in one look at
// memory and without the row's number: every record that comes back asks. A row is known
// by 96 bits of two hashes that are seeded by the process, so that nobody can choose ids
// that meet. Rows are never taken out.
type rows struct {
	seed, second maphash.Seed
	slots        []rowSlot // a power of two, at most three quarters in use
	used         int
}

type rowSlot struct {
	hash  uint64
	check uint32
	first uint32 // index of the span+1; 0 free
}

func newRows() rows {
	return rows{seed: maphash.MakeSeed(), second: maphash.MakeSeed(), slots: make([]rowSlot, 64)}
}

// hash is what a row is known by: the number of its table, and its id as canonicalID gives it.
func (r *rows) hash(table uint32, id string) (uint64, uint32) {
	h := maphash.String(r.seed, id) ^ uint64(table)*0x9e3779b97f4a7c15
	return h ^ h>>32, uint32(maphash.String(r.second, id)) ^ table
}

func (r *rows) slot(hash uint64, check uint32) *rowSlot {
	for i := int(hash) & (len(r.slots) - 1); ; i = (i + 1) & (len(r.slots) - 1) {
		if s := &r.slots[i]; s.first == 0 || s.hash == hash && s.check == check {
			return s
		}
	}
}

// peek is get without certainty: it looks at the first slot of a hash only.
func (r *rows) peek(hash uint64) uint32 { return r.slots[int(hash)&(len(r.slots)-1)].first }

// get gives the first span of a row, +1; 0 if nothing is said of its owners.
func (r *rows) get(table uint32, id string) uint32 { return r.slot(r.hash(table, id)).first }

// set makes a span, +1, the first of a row.
func (r *rows) set(table uint32, id string, first uint32) {
	hash, check := r.hash(table, id)
	s := r.slot(hash, check)
	if s.first != 0 {
		s.first = first
		return
	}
	*s = rowSlot{hash, check, first}
	if r.used++; r.used > len(r.slots)/4*3 {
		old := r.slots
		r.slots = make([]rowSlot, 2*len(old))
		for _, s := range old {
			if s.first != 0 {
				*r.slot(s.hash, s.check) = s
			}
		}
	}
}
