package jsonscan

import (
	"encoding/binary"
	"math/bits"

	"trespass.dev/trespass/ingest/decode"
)

// Nearly all keys and strings of a log line are ASCII without escapes, and stand where
// they must without white space around them. They are read here, eight bytes a step and
// in one piece; whatever is otherwise is left, untouched, to the methods that know all
// of JSON.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainKey steps over a comma, unless the object has just begun, a plain key and its
// colon. It gives false, and moves nothing, where anything else stands.
func (s *Scanner) plainKey() (key []byte, ok bool) {
	b, i, n := s.buf, s.pos, s.count[s.depth]
	if !s.fresh {
		if i >= len(b) || b[i] != ',' {
			return nil, false
		}
		i++
	}
	if i >= len(b) || b[i] != '"' || n >= decode.MaxFields {
		return nil, false
	}
	from := i + 1
	for i = from; i+9 <= len(b); i += 8 { // the colon too
		stop := special(binary.LittleEndian.Uint64(b[i : i+8]))
		if stop == 0 {
			continue
		}
		i += bits.TrailingZeros64(stop) >> 3
		if b[i] != '"' || b[i+1] != ':' {
			return nil, false
		}
		s.count[s.depth], s.fresh, s.pos = n+1, false, i+2
		if i-from == len(s.watch) && string(b[from:i]) == s.watch {
			s.seen = true
		}
		return b[from:i], true
	}
	return nil, false
}

// plainText reads a plain string, and gives what is between its quotes. It gives false,
// and moves nothing, where anything else stands.
func (s *Scanner) plainText() (raw []byte, ok bool) {
	b, i := s.buf, s.pos
	if i >= len(b) || b[i] != '"' {
		return nil, false
	}
	from := i + 1
	for i = from; i+8 <= len(b); i += 8 {
		stop := special(binary.LittleEndian.Uint64(b[i : i+8]))
		if stop == 0 {
			continue
		}
		i += bits.TrailingZeros64(stop) >> 3
		if b[i] != '"' {
			return nil, false
		}
		s.pos = i + 1
		return b[from:i], true
	}
	return nil, false
}

// plainRun gives the place of the first byte from i on that ends a run of text without
// escapes.
func plainRun(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if stop := ending(binary.LittleEndian.Uint64(b[i : i+8])); stop != 0 {
			return i + bits.TrailingZeros64(stop)>>3
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	return i
}

// ending is special without what is more than ASCII, which goes on.
func ending(w uint64) uint64 {
	q, e := w^(ones*'"'), w^(ones*'\\')
	return ((q-ones)&^q | (e-ones)&^e | (w-ones*0x20)&^w) & highs
}

// special marks the high bit of bytes that are a quote, a backslash, a control character
// or more than ASCII. Marks above the lowest may be false, because a borrow goes on; the
// lowest is right.
func special(w uint64) uint64 {
	quoteOrControl := (w ^ ones*2) - ones*0x21 // a quote takes the place of the last control character
	backslash := (w ^ ones*'\\') - ones
	return (quoteOrControl | backslash | w) & highs
}
