package detect

import (
	"hash/maphash"

	"trespass.dev/trespass/detect/memory"
)

// rows finds the first span of what is said of the owners of one row, in one look at
// memory and without the row's number: every record that comes back asks. The number in
// the index is that of the span, +1.
type rows struct {
	seed, second maphash.Seed
	memory.Index
}

func newRows() rows { return rows{seed: maphash.MakeSeed(), second: maphash.MakeSeed()} }

// hash is what a row is known by: the number of its table, and its id as canonicalID gives it.
func (r *rows) hash(table uint32, id string) (uint64, uint32) {
	h := maphash.String(r.seed, id) ^ uint64(table)*0x9e3779b97f4a7c15
	return h ^ h>>32, uint32(maphash.String(r.second, id)) ^ table
}

// get gives the first span of a row, +1; 0 if nothing is said of its owners.
func (r *rows) get(table uint32, id string) uint32 { return r.Get(r.hash(table, id)) }

// set makes a span, +1, the first of a row.
func (r *rows) set(table uint32, id string, first uint32) {
	hash, check := r.hash(table, id)
	r.Set(hash, check, first)
}
