package memory

import "math/bits"

// Table maps 64-bit hashes to places. It is open-addressed, one look at memory for
// most calls, and holds no pointers; deleting leaves nothing behind.
type Table struct {
	slots []tableSlot // a power of two, at most three quarters in use
	used  int
	shift uint8
}

type tableSlot struct {
	hash  uint64
	place int32 // one more than the place; 0 free
}

// spread gives a hash its first slot. Hashes are seeded or spread already where
// somebody could choose them; the product takes care of those that count up.
func (t *Table) spread(hash uint64) int {
	return int((hash * 0x9e3779b97f4a7c15) >> t.shift)
}

// Peek is Get without certainty: it looks at the first slot of a hash only.
func (t *Table) Peek(hash uint64) int32 {
	if t.used == 0 {
		return 0
	}
	return t.slots[t.spread(hash)].place
}

// Len is how many hashes are in it.
func (t *Table) Len() int { return t.used }

// Get gives the place of a hash.
func (t *Table) Get(hash uint64) (int32, bool) {
	if t.used == 0 {
		return 0, false
	}
	for i := t.spread(hash); ; i = (i + 1) & (len(t.slots) - 1) {
		s := &t.slots[i]
		if s.place == 0 {
			return 0, false
		}
		if s.hash == hash {
			return s.place - 1, true
		}
	}
}

// Set puts in a hash that is not there.
func (t *Table) Set(hash uint64, place int32) {
	if t.used >= len(t.slots)/4*3 {
		t.resize(max(64, 2*len(t.slots)))
	}
	t.used++
	for i := t.spread(hash); ; i = (i + 1) & (len(t.slots) - 1) {
		if s := &t.slots[i]; s.place == 0 {
			*s = tableSlot{hash, place + 1}
			return
		}
	}
}

// Delete takes a hash out, if it is there, and moves those up that it stood in the way of.
func (t *Table) Delete(hash uint64) {
	if t.used == 0 {
		return
	}
	mask := len(t.slots) - 1
	i := t.spread(hash)
	for t.slots[i].place == 0 || t.slots[i].hash != hash {
		if t.slots[i].place == 0 {
			return
		}
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; t.slots[j].place != 0; j = (j + 1) & mask {
		home := t.spread(t.slots[j].hash)
		if (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = tableSlot{}
	t.used--
	if len(t.slots) > 1<<12 && t.used < len(t.slots)/16 {
		t.resize(len(t.slots) / 4)
	}
}

func (t *Table) resize(n int) {
	old := t.slots
	t.slots, t.used = make([]tableSlot, n), 0
	t.shift = uint8(64 - bits.TrailingZeros(uint(n)))
	for _, s := range old {
		if s.place != 0 {
			t.Set(s.hash, s.place-1)
		}
	}
}
