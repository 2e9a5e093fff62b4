package detect

import "strings"

// interner gives every distinct string a small number, so that millions of facts
// hold numbers and each id is kept once. Number 0 is the empty string.
type interner struct {
	numbers map[string]uint32
	names   []string
}

func newInterner() interner {
	return interner{numbers: make(map[string]uint32), names: []string{""}}
}

// number gives the number of s, a new one if need be. It keeps a copy of s.
func (in *interner) number(s string) uint32 {
	if s == "" {
		return 0
	}
	if n, ok := in.numbers[s]; ok {
		return n
	}
	s = strings.Clone(s)
	n := uint32(len(in.names))
	in.names = append(in.names, s)
	in.numbers[s] = n
	return n
}

// find gives the number of s, or ok false if no fact ever named it.
func (in *interner) find(s string) (n uint32, ok bool) {
	if s == "" {
		return 0, true
	}
	n, ok = in.numbers[s]
	return n, ok
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
		s := id[at : at+8]
		word := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		seen |= word &^ (word << 1)
	}
	return seen&0x4040404040404040 != 0
}
