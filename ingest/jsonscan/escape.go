package jsonscan

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escapeLen gives the length of the escape that b begins with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
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

// unescape writes the meaning of raw, whose escapes are known to be well formed,
// to dst, which may be raw itself, and gives its length. It is never longer than raw. It gives false for half a
// surrogate pair, which is no character.
func unescape(dst, raw []byte) (n int, ok bool) {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			dst[n] = c
			n++
			i++
			continue
		}
		if raw[i+1] != 'u' {
			dst[n] = short(raw[i+1])
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

func short(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return c
	}
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
