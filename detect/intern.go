package detect

import (
	"hash/maphash"
	"strings"

	"trespass.dev/trespass/detect/memory"
)

// interner gives every distinct string a small number, so that millions of facts
// hold numbers and each id is kept once. Number 0 is the empty string.
//
// Every line asks for several strings: finding one takes one look at memory, and none at
// the string that was kept.
type interner struct {
	seed, second maphash.Seed
	numbers      memory.Index
	names        []string
}

func newInterner() interner {
	return interner{seed: maphash.MakeSeed(), second: maphash.MakeSeed(), names: []string{""}}
}

func (in *interner) hash(s string) (uint64, uint32) {
	return in.first(s), uint32(maphash.String(in.second, s))
}

// first is the first hash of a string.
func (in *interner) first(s string) uint64 { return maphash.String(in.seed, s) }

// number gives the number of s, a new one if need be. It keeps a copy of s.
func (in *interner) number(s string) uint32 {
	if s == "" {
		return 0
	}
	hash, check := in.hash(s)
	n := in.numbers.Get(hash, check)
	if n == 0 {
		n = uint32(len(in.names))
		in.names = append(in.names, strings.Clone(s))
		in.numbers.Set(hash, check, n)
	}
	return n
}

// find gives the number of s, or ok false if no fact ever named it.
func (in *interner) find(s string) (n uint32, ok bool) {
	if s == "" {
		return 0, true
	}
	n = in.numbers.Get(in.hash(s))
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
