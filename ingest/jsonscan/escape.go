package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// simple gives the meaning of the letter after a backslash, 0 where that is u or no
// escape at all.
var simple = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escapeLen gives the length of the escape that b begins with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if simple[b[1]] != 0 {
		return 2
	}
	if _, ok := hex4(b[2:]); ok && b[1] == 'u' {
		return 6
	}
	return 0
}

// cutEscape says whether b is the beginning of an escape that goes on after the text.
func cutEscape(b []byte) bool {
	if len(b) == 1 {
		return true
	}
	if b[1] != 'u' || len(b) >= 6 {
		return false
	}
	for _, c := range b[2:] {
		if _, ok := hexDigit(c); !ok {
			return false
		}
	}
	return true
}

// unescape writes the meaning of raw, whose escapes are known to be well formed, to
// dst, and gives its length, which is never more than that of raw. It gives false for
// half a surrogate pair, which is no character.
func unescape(dst, raw []byte) (n int, ok bool) {
	for i := 0; i < len(raw); {
		for i+8 <= len(raw) && n+8 <= len(dst) {
			w := binary.LittleEndian.Uint64(raw[i : i+8])
			binary.LittleEndian.PutUint64(dst[n:n+8], w)
			e := w ^ ones*'\\'
			stop := (e - ones) &^ e & highs
			if stop == 0 {
				i, n = i+8, n+8
				continue
			}
			near := bits.TrailingZeros64(stop) >> 3
			i, n = i+near, n+near
			break
		}
		if i == len(raw) {
			break
		}
		if raw[i] != '\\' {
			dst[n] = raw[i]
			i, n = i+1, n+1
			continue
		}
		if meaning := simple[raw[i+1]]; meaning != 0 {
			dst[n] = meaning
			n++
			i += 2
			continue
		}
		r, _ := hex4(raw[i+2:])
		i += 6
		if utf16.IsSurrogate(r) {
			if len(raw)-i < 6 || raw[i] != '\\' || raw[i+1] != 'u' {
				return 0, false
			}
			low, _ := hex4(raw[i+2:])
			i += 6
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return 0, false
			}
		}
		n += utf8.EncodeRune(dst[n:], r)
	}
	return n, true
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | d
	}
	return r, true
}

func hexDigit(c byte) (rune, bool) {
	switch {
	case c-'0' <= 9:
		return rune(c - '0'), true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	}
	return 0, false
}
