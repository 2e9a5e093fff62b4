package detect

import (
	"hash/maphash"
	"strings"
)

// interner gives every distinct string a small number, so that millions of facts
// hold numbers and each id is kept once. Number 0 is the empty string.
//
// A string is known by 96 bits of two hashes that are seeded by the process, so that
// nobody can choose strings that meet. Finding one, which every line asks for several
// times, then takes one look at memory and none at the string that was kept.
type interner struct {
	seed, second maphash.Seed
	slots        []internSlot // a power of two, at most three quarters in use
	names        []string
}

type internSlot struct {
	hash   uint64
	check  uint32
	number uint32 // 0 free
}

func newInterner() interner {
	return interner{seed: maphash.MakeSeed(), second: maphash.MakeSeed(), slots: make([]internSlot, 64), names: []string{""}}
}

// slot gives the slot of a string: its own, or the free one that would be.
func (in *interner) slot(hash uint64, check uint32) *internSlot {
	for i := int(hash) & (len(in.slots) - 1); ; i = (i + 1) & (len(in.slots) - 1) {
		if s := &in.slots[i]; s.number == 0 || s.hash == hash && s.check == check {
			return s
		}
	}
}

func (in *interner) hash(s string) (uint64, uint32) {
	return in.first(s), uint32(maphash.String(in.second, s))
}

// first is the first hash of a string.
func (in *interner) first(s string) uint64 { return maphash.String(in.seed, s) }

// peek is find without certainty: it looks at the first slot of a hash only.
func (in *interner) peek(hash uint64) uint32 { return in.slots[int(hash)&(len(in.slots)-1)].number }

// number gives the number of s, a new one if need be. It keeps a copy of s.
func (in *interner) number(s string) uint32 {
	if s == "" {
		return 0
	}
	hash, check := in.hash(s)
	at := in.slot(hash, check)
	if at.number != 0 {
		return at.number
	}
	n := uint32(len(in.names))
	in.names = append(in.names, strings.Clone(s))
	*at = internSlot{hash, check, n}
	if len(in.names) > len(in.slots)/4*3 {
		in.grow()
	}
	return n
}

func (in *interner) grow() {
	old := in.slots
	in.slots = make([]internSlot, 2*len(old))
	for _, s := range old {
		if s.number != 0 {
			*in.slot(s.hash, s.check) = s
		}
	}
}

// find gives the number of s, or ok false if no fact ever named it.
func (in *interner) find(s string) (n uint32, ok bool) {
	if s == "" {
		return 0, true
	}
	n = in.slot(in.hash(s)).number
	return n, n != 0
}

func (in *interner) name(n uint32) string { return in.names[n] }

// canonicalID gives the one spelling of an id: a uuid in lower case, since Postgres
// and applications may print one uuid in different case; all others as they are. Every
// id of every line comes by here several times, so that one without capitals is told
// first, eight letters at a time.
func canonicalID(id string) string {
	if len(id) == 36 && id[8] == '-' && capitals(id) && validUUID(id) {
		return strings.ToLower(id)
	}
	return id
}

// capitals says whether any of 36 bytes is '@', a capital letter, or one of the five
// signs behind them: those of 0x40 to 0x7f that lack the bit 0x20.
func capitals(id string) bool {
	var seen uint64
	for _, at := range [...]int{0, 8, 16, 24, 28} {
		w := word(id, at)
		seen |= w &^ (w << 1)
	}
	return seen&0x4040404040404040 != 0
}
