package memory

import "math/bits"

// Table maps 64-bit hashes to places. It holds no pointers. Hashes lie in buckets that
// are a line of memory each, so that most calls look at one line and no more; what finds
// no room in its own bucket lies in the next that has some. Deleting leaves nothing behind.
type Table struct {
	buckets []bucket // a power of two, at most 5 of 8 places in use
	used    int
	shift   uint8
}

const bucketSize = 4

// bucket is 64 bytes.
type bucket struct {
	hash   [bucketSize]uint64
	place  [bucketSize]int32 // one more than the place; 0 free
	beyond uint32            // how many hashes went by because there was no room
	_      [3]uint32
}

// spread gives a hash its bucket. Hashes are seeded or spread already where somebody
// could choose them; the product takes care of those that count up.
func (t *Table) spread(hash uint64) int {
	return int((hash * 0x9e3779b97f4a7c15) >> t.shift)
}

// Peek looks at the memory that Get will need for a hash. It decides nothing.
func (t *Table) Peek(hash uint64) int32 {
	if t.used == 0 {
		return 0
	}
	return t.buckets[t.spread(hash)].place[0]
}

// Len is how many hashes are in it.
func (t *Table) Len() int { return t.used }

// Get gives the place of a hash.
func (t *Table) Get(hash uint64) (int32, bool) {
	if t.used == 0 {
		return 0, false
	}
	b, k := t.find(hash)
	if k == bucketSize {
		return 0, false
	}
	return t.buckets[b].place[k] - 1, true
}

// find gives where a hash is: a bucket, and a place in it, which is bucketSize if the
// hash is nowhere.
func (t *Table) find(hash uint64) (bucket, place int) {
	i := t.spread(hash)
	for range t.buckets {
		b := &t.buckets[i]
		for k := range b.hash {
			if b.hash[k] == hash && b.place[k] != 0 {
				return i, k
			}
		}
		if b.beyond == 0 {
			break
		}
		i = (i + 1) & (len(t.buckets) - 1)
	}
	return 0, bucketSize
}

// Set puts in a hash that is not there.
func (t *Table) Set(hash uint64, place int32) {
	if t.used >= len(t.buckets)*bucketSize/8*5 {
		t.resize(max(16, 2*len(t.buckets)))
	}
	t.used++
	for i := t.spread(hash); ; i = (i + 1) & (len(t.buckets) - 1) {
		b := &t.buckets[i]
		for k := range b.place {
			if b.place[k] == 0 {
				b.hash[k], b.place[k] = hash, place+1
				return
			}
		}
		b.beyond++
	}
}

// Delete takes a hash out, if it is there.
func (t *Table) Delete(hash uint64) {
	if t.used == 0 {
		return
	}
	i, k := t.find(hash)
	if k == bucketSize {
		return
	}
	t.buckets[i].place[k] = 0
	for home := t.spread(hash); home != i; home = (home + 1) & (len(t.buckets) - 1) {
		t.buckets[home].beyond--
	}
	t.used--
	if len(t.buckets) > 1<<10 && t.used < len(t.buckets)*bucketSize/16 {
		t.resize(len(t.buckets) / 4)
	}
}

func (t *Table) resize(n int) {
	old := t.buckets
	t.buckets, t.used = make([]bucket, n), 0
	t.shift = uint8(64 - bits.TrailingZeros(uint(n)))
	for i := range old {
		for k, place := range old[i].place {
			if place != 0 {
				t.Set(old[i].hash[k], place-1)
			}
		}
	}
}
